// Floating point and vector state crosses fork as it is live at the call.
//
// libc's fork would use vector registers itself, so the system call is made
// from assembly between loading and storing the registers.
#include "helpers.h"
#include <cpuid.h>

#define FORK_BETWEEN(load, store, in, out)                                          \
	({                                                                          \
		long r_;                                                            \
		__asm__ volatile(load "\n\tsyscall\n\t" store                       \
				 : "=&a"(r_)                                        \
				 : "0"((long)SYS_fork), "S"(in), "D"(out)           \
				 : "rcx", "r11", "memory", "xmm0", "xmm1", "xmm2",  \
				   "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",  \
				   "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",      \
				   "xmm14", "xmm15");                               \
		r_;                                                                 \
	})

#define EACH16(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) \
	op(10) op(11) op(12) op(13) op(14) op(15)
#define LOAD_XMM(n) "movups " #n "*16(%%rsi), %%xmm" #n "\n\t"
#define STORE_XMM(n) "movups %%xmm" #n ", " #n "*16(%%rdi)\n\t"
#define LOAD_YMM(n) "vmovups " #n "*32(%%rsi), %%ymm" #n "\n\t"
#define STORE_YMM(n) "vmovups %%ymm" #n ", " #n "*32(%%rdi)\n\t"
#define LOAD_ZMM(n) "vmovups " #n "*64(%%rsi), %%zmm" #n "\n\t"
#define STORE_ZMM(n) "vmovups %%zmm" #n ", " #n "*64(%%rdi)\n\t"

static uint8_t pattern[1024 + 8], parent_saw[1024 + 8], *child_saw;

// The bits of XCR0, or 0 when the kernel has not turned xsave on.
static uint64_t xcr0(void)
{
	unsigned a, b, c, d, lo, hi;
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
		return 0;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (uint64_t)hi << 32 | lo;
}

static int has_avx512(void)
{
	unsigned a, b, c, d;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_AVX512F) &&
	       (xcr0() & 0xe6) == 0xe6;
}

static int has_avx(void)
{
	unsigned a, b, c, d;
	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_AVX) && (xcr0() & 6) == 6;
}

static void both(long pid, size_t size, const char *what)
{
	if (pid == 0) {
		memcpy(child_saw, parent_saw, size);
		_exit(0);
	}
	if (pid < 0)
		bail("raw fork");
	wait_for(pid);
	ok(memcmp(parent_saw, pattern, size) == 0, "S5: %s kept in the parent", what);
	ok(memcmp(child_saw, pattern, size) == 0, "S5: %s kept in the child", what);
}

static void x87_and_mxcsr(void)
{
	static const double values[4] = { 1.5, -2.25, 3.125, 1e300 };
	struct {
		double st[4];
		uint16_t control;
		uint32_t mxcsr;
	} out = { 0 }, *child = shared(sizeof *child);
	// Single precision, round up; flush to zero, round down, one sticky flag.
	const uint16_t control = 0x087f;
	const uint32_t mxcsr = 0xbfa0 | 1;
	long pid;
	__asm__ volatile("fninit\n\tfldcw %[cw]\n\tldmxcsr %[mx]\n\t"
			 "fldl 24(%[v])\n\tfldl 16(%[v])\n\tfldl 8(%[v])\n\tfldl (%[v])\n\t"
			 "syscall\n\t"
			 "fstpl (%[o])\n\tfstpl 8(%[o])\n\tfstpl 16(%[o])\n\tfstpl 24(%[o])\n\t"
			 "fnstcw %[ocw]\n\tstmxcsr %[omx]\n\tfninit"
			 : "=a"(pid), [ocw] "=m"(out.control), [omx] "=m"(out.mxcsr)
			 : "0"((long)SYS_fork), [v] "r"(values), [o] "r"(out.st),
			   [cw] "m"(control), [mx] "m"(mxcsr)
			 : "rcx", "r11", "memory");
	uint32_t normal = 0x1f80;
	__asm__ volatile("ldmxcsr %0" ::"m"(normal));
	if (pid == 0) {
		*child = out;
		_exit(0);
	}
	wait_for(pid);
	ok(child->st[0] == 1.5 && child->st[1] == -2.25 && child->st[2] == 3.125,
	   "S5: the x87 stack is live in the child");
	ok(out.st[0] == 1.5 && out.st[1] == -2.25 && out.st[2] == 3.125,
	   "S5: the x87 stack is kept in the parent");
	is(child->control, control, "S5: the x87 control word in the child");
	is(child->mxcsr, mxcsr, "S5: MXCSR in the child");
	is(out.mxcsr, mxcsr, "S5: MXCSR in the parent");
}

int main(void)
{
	plan(11);
	child_saw = shared(PAGE);
	for (size_t i = 0; i < sizeof pattern; i++)
		pattern[i] = i * 7 + i / 256 + 1;

	x87_and_mxcsr();
	both(FORK_BETWEEN(EACH16(LOAD_XMM), EACH16(STORE_XMM), pattern, parent_saw), 256,
	     "16 xmm registers");

	if (has_avx())
		both(FORK_BETWEEN(EACH16(LOAD_YMM), EACH16(STORE_YMM), pattern, parent_saw), 512,
		     "16 ymm registers");
	else
		skip(2, "no AVX here");

	if (has_avx512())
		both(FORK_BETWEEN(EACH16(LOAD_ZMM) "kmovw 1024(%%rsi), %%k1\n\t",
				  EACH16(STORE_ZMM) "kmovw %%k1, 1024(%%rdi)\n\t", pattern, parent_saw),
		     1026, "16 zmm registers and a mask register");
	else
		skip(2, "no AVX-512 here");
	return done();
}
