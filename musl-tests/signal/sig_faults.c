// SIGFPE, SIGILL, SIGTRAP and SIGBUS from instructions, with their codes.
#include "helpers.h"
#include <cpuid.h>
#include <setjmp.h>
#include <ucontext.h>

static sigjmp_buf back;
static siginfo_t seen;
static greg_t regs[NGREG];
static volatile int steps;

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	seen = *info;
	memcpy(regs, ((ucontext_t *)context)->uc_mcontext.gregs, sizeof regs);
	siglongjmp(back, 1);
}

static void step(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	seen = *info;
	if (++steps == 5) // end of the walk: clear the trap flag
		((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~0x100;
}

static void after_int3(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	seen = *info;
	memcpy(regs, ((ucontext_t *)context)->uc_mcontext.gregs, sizeof regs);
}

#define TRY(...)                                      \
	do {                                          \
		memset(&seen, 0, sizeof seen);        \
		if (!sigsetjmp(back, 1)) {            \
			__VA_ARGS__;                  \
		}                                     \
	} while (0)

// What QEMU emulates itself differs from a processor in two places here.
static int on_tcg(void)
{
	unsigned a, b, c, d;
	char name[13] = "";
	__cpuid(0x40000000, a, b, c, d);
	memcpy(name, &b, 4);
	memcpy(name + 4, &c, 4);
	memcpy(name + 8, &d, 4);
	return !strcmp(name, "TCGTCGTCGTCG");
}

extern char the_div[], the_int3[], the_ud[];

int main(void)
{
	plan(21);
	scratch();
	catch_signal(SIGFPE, handler, 0);
	catch_signal(SIGILL, handler, 0);
	catch_signal(SIGSEGV, handler, 0);
	catch_signal(SIGBUS, handler, 0);
	catch_signal(SIGTRAP, after_int3, 0);

	TRY(__asm__ volatile("xor %%edx, %%edx\n xor %%ecx, %%ecx\n mov $1, %%eax\n"
			     "the_div: idiv %%ecx" ::: "eax", "ecx", "edx"));
	ok(seen.si_signo == SIGFPE && seen.si_code == FPE_INTDIV, "J14: integer division: FPE_INTDIV");
	ok(seen.si_addr == the_div, "J14: at the instruction");
	is(regs[REG_TRAPNO], 0, "J14: trap number 0");
	TRY(__asm__ volatile("mov $0x80000000, %%eax\n cdq\n mov $-1, %%ecx\n idiv %%ecx" ::
				     : "eax", "ecx", "edx"));
	is(seen.si_code, FPE_INTDIV, "J14: overflow of a division is FPE_INTDIV too");

	static const struct {
		const char *what;
		uint32_t unmask;
		double a, b;
		int code;
	} sse[] = {
		{ "division by zero: FPE_FLTDIV", 0x200, 1, 0, FPE_FLTDIV },
		{ "invalid operation: FPE_FLTINV", 0x80, 0, 0, FPE_FLTINV },
		{ "overflow: FPE_FLTOVF", 0x400, 1e300, 1e-300, FPE_FLTOVF },
		{ "underflow: FPE_FLTUND", 0x800, 1e-300, 1e300, FPE_FLTUND },
		{ "inexact: FPE_FLTRES", 0x1000, 1, 3, FPE_FLTRES },
	};
	static size_t i; // static, to live through siglongjmp
	if (on_tcg())
		skip(COUNT(sse), "QEMU's TCG never raises SSE exceptions");
	for (i = on_tcg() ? COUNT(sse) : 0; i < COUNT(sse); i++) {
		static uint32_t mx, normal = 0x1f80;
		static double a;
		mx = 0x1f80 & ~sse[i].unmask;
		a = sse[i].a;
		TRY(__asm__ volatile("ldmxcsr %1\n divsd %2, %0" : "+x"(a) : "m"(mx), "x"(sse[i].b)));
		__asm__ volatile("ldmxcsr %0" ::"m"(normal));
		is(seen.si_code, sse[i].code, "J14: SSE %s", sse[i].what);
	}
	uint16_t cw = 0x37f & ~4;
	TRY(__asm__ volatile("fninit\n fldcw %0\n fld1\n fldz\n fdivrp\n fwait" ::"m"(cw)));
	__asm__ volatile("fninit");
	ok(seen.si_signo == SIGFPE && seen.si_code == FPE_FLTDIV, "J14: x87 division by zero");

	TRY(__asm__ volatile("the_ud: ud2"));
	ok(seen.si_signo == SIGILL && seen.si_code == ILL_ILLOPN && seen.si_addr == the_ud,
	   "J14: ud2: ILL_ILLOPN at the instruction");
	is(regs[REG_TRAPNO], 6, "J14: trap number 6");

	memset(&seen, 0, sizeof seen);
	__asm__ volatile("the_int3: int3");
	ok(seen.si_signo == SIGTRAP && seen.si_code == SI_KERNEL, "J14: int3: SIGTRAP, SI_KERNEL");
	ok(regs[REG_RIP] == (greg_t)the_int3 + 1 && regs[REG_TRAPNO] == 3,
	   "J14: rip behind it, trap number 3");

	catch_signal(SIGTRAP, step, 0);
	__asm__ volatile("sub $128, %%rsp\n pushfq\n orl $0x100, (%%rsp)\n popfq\n"
			 "nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n add $128, %%rsp" ::
				 : "memory", "cc");
	is(steps, 5, "J14: the trap flag steps through five instructions");
	is(seen.si_code, TRAP_TRACE, "J14: TRAP_TRACE");

	int fd = open("f", O_RDWR | O_CREAT, 0644);
	char *m = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	TRY(m[PAGE + 5] = 1);
	ok(seen.si_signo == SIGBUS && seen.si_code == BUS_ADRERR && seen.si_addr == m + PAGE + 5,
	   "J14: past the end of a mapped file: SIGBUS, BUS_ADRERR");

	TRY(__asm__ volatile("outb %%al, $0x80" ::"a"(0)));
	ok(seen.si_signo == SIGSEGV && seen.si_code == SI_KERNEL, "J14: outb is SIGSEGV");
	TRY(__asm__ volatile("cli"));
	ok(seen.si_signo == SIGSEGV && seen.si_code == SI_KERNEL, "J14: cli is SIGSEGV");
	TRY(__asm__ volatile("int $0x21"));
	ok(seen.si_signo == SIGSEGV && seen.si_code == SI_KERNEL, "J14: an unused interrupt is SIGSEGV");
	if (on_tcg())
		skip(1, "QEMU's TCG may give another error code");
	else
		is(regs[REG_ERR], 0x21 * 8 + 2, "J14: with the vector in its error code");
	return done();
}
