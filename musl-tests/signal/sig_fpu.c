// Vector state is saved around a handler, and the saved copy can be changed.
#include "helpers.h"
#include <cpuid.h>
#include <ucontext.h>

static volatile sig_atomic_t count;
static volatile int change;

static void clobber(int sig, siginfo_t *info, void *context)
{
	static const double other[2] = { -1, -2 };
	(void)sig, (void)info;
	__asm__ volatile("movups %0, %%xmm0\n movups %0, %%xmm7\n movups %0, %%xmm15\n"
			 "fninit\n fldpi\n" ::"m"(other)
			 : "xmm0", "xmm7", "xmm15");
	if (change) {
		char *fxsave = (char *)((ucontext_t *)context)->uc_mcontext.fpregs;
		uint32_t value = 0xdeadbeef;
		memcpy(fxsave + 160 + 7 * 16, &value, 4);
	}
	count++;
}

static void clobber_ymm(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	__asm__ volatile("vzeroall" ::: "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",
			 "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
			 "xmm14", "xmm15");
	count++;
}

static int has_avx(void)
{
	unsigned a, b, c, d, lo, hi;
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX))
		return 0;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (lo & 6) == 6;
}

// kill(self, SIGUSR1) from assembly, so that no C code runs in between.
#define KILL_SELF "mov $62, %%eax\n mov $10, %%esi\n mov %[pid], %%edi\n syscall\n"

int main(void)
{
	plan(9);
	pid_t me = getpid();
	uint8_t in[32], out[32];
	for (int i = 0; i < 32; i++)
		in[i] = i + 1;
	catch_signal(SIGUSR1, clobber, 0);

	double x;
	uint8_t x0[16], x7[16], x15[16];
	__asm__ volatile("movups %[in], %%xmm0\n movups %[in], %%xmm7\n movups %[in], %%xmm15\n"
			 "fninit\n fld1\n" KILL_SELF
			 "movups %%xmm0, %[a]\n movups %%xmm7, %[b]\n movups %%xmm15, %[c]\n"
			 "fstpl %[x]\n"
			 : [a] "=m"(x0), [b] "=m"(x7), [c] "=m"(x15), [x] "=m"(x)
			 : [in] "m"(in), [pid] "r"(me)
			 : "rax", "rdi", "rsi", "rcx", "r11", "xmm0", "xmm7", "xmm15", "memory");
	is(count, 1, "the handler ran");
	ok(!memcmp(x0, in, 16), "xmm0 survives a handler that overwrites it");
	ok(!memcmp(x7, in, 16), "so does xmm7");
	ok(!memcmp(x15, in, 16), "so does xmm15");
	ok(x == 1.0, "so does the x87 stack");

	change = 1;
	__asm__ volatile("movups %[in], %%xmm7\n movups %[in], %%xmm0\n" KILL_SELF
			 "movups %%xmm7, %[b]\n movups %%xmm0, %[a]\n"
			 : [a] "=m"(x0), [b] "=m"(x7)
			 : [in] "m"(in), [pid] "r"(me)
			 : "rax", "rdi", "rsi", "rcx", "r11", "xmm0", "xmm7", "xmm15", "memory");
	uint32_t first;
	memcpy(&first, x7, 4);
	is(first, 0xdeadbeef, "a handler's change to the saved xmm7 takes effect");
	ok(!memcmp(x7 + 4, in + 4, 12) && !memcmp(x0, in, 16), "and changes nothing else");

	if (!has_avx()) {
		skip(2, "no AVX here");
		return done();
	}
	catch_signal(SIGUSR1, clobber_ymm, 0);
	__asm__ volatile("vmovups %[in], %%ymm9\n" KILL_SELF "vmovups %%ymm9, %[a]\n vzeroupper\n"
			 : [a] "=m"(out)
			 : [in] "m"(in), [pid] "r"(me)
			 : "rax", "rdi", "rsi", "rcx", "r11", "xmm9", "memory");
	is(count, 3, "the AVX handler ran");
	ok(!memcmp(out, in, 32), "all 256 bits of ymm9 survive vzeroall in a handler");
	return done();
}
