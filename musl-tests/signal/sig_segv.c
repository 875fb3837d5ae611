// SIGSEGV with everything it knows: address, code, error bits, trap number.
#include "helpers.h"
#include <setjmp.h>
#include <ucontext.h>

static sigjmp_buf back;
static siginfo_t seen;
static greg_t regs[NGREG];

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	seen = *info;
	memcpy(regs, ((ucontext_t *)context)->uc_mcontext.gregs, sizeof regs);
	siglongjmp(back, 1);
}

#define PF_PROT 1
#define PF_WRITE 2
#define PF_USER 4
#define PF_INSTR 16

static void expect(const char *what, void *addr, int code, long err)
{
	ok(seen.si_signo == SIGSEGV && seen.si_addr == addr && seen.si_code == code,
	   "J1, S21: %s: address and code", what);
	if (seen.si_addr != addr || seen.si_code != code)
		note("  addr %p, code %d", seen.si_addr, seen.si_code);
	if (err >= 0)
		ok(regs[REG_ERR] == err && regs[REG_TRAPNO] == 14 && regs[REG_CR2] == (greg_t)addr,
		   "J1: %s: REG_ERR 0x%lx, REG_TRAPNO 14, REG_CR2", what, err);
	memset(&seen, 0, sizeof seen);
}

#define TRY(action)                      \
	do {                             \
		if (!sigsetjmp(back, 1)) \
			action;          \
	} while (0)

int main(void)
{
	plan(20);
	catch_signal(SIGSEGV, handler, 0);
	volatile char *gone = private(PAGE), *none = private(PAGE), *ro = private(PAGE),
		      *rw = private(PAGE);
	*ro = *rw = *none = 1;
	mprotect((void *)none, PAGE, PROT_NONE);
	mprotect((void *)ro, PAGE, PROT_READ);
	munmap((void *)gone, PAGE);
	volatile char sink;

	TRY(sink = gone[17]);
	expect("read of unmapped memory", (void *)(gone + 17), SEGV_MAPERR, PF_USER);
	TRY(gone[18] = 1);
	expect("write to unmapped memory", (void *)(gone + 18), SEGV_MAPERR, PF_USER | PF_WRITE);
	TRY(ro[19] = 1);
	expect("write to read-only memory", (void *)(ro + 19), SEGV_ACCERR,
	       PF_USER | PF_WRITE | PF_PROT);
	TRY(sink = none[20]);
	expect("read of PROT_NONE", (void *)(none + 20), SEGV_ACCERR, -1);
	TRY(((void (*)(void))rw)());
	expect("execution of data", (void *)rw, SEGV_ACCERR, PF_USER | PF_INSTR | PF_PROT);
	TRY(((void (*)(void))gone)());
	expect("execution of nothing", (void *)gone, SEGV_MAPERR, PF_USER | PF_INSTR);
	TRY(sink = *(volatile char *)0);
	expect("a null pointer", 0, SEGV_MAPERR, PF_USER);
	TRY(sink = *(volatile char *)0xffffffff80000000);
	ok(seen.si_addr == (void *)0xffffffff80000000 && seen.si_code == SEGV_MAPERR,
	   "J1: the kernel's half looks unmapped");
	TRY(sink = *(volatile char *)0x8000000000000000);
	expect("a non-canonical address", 0, SI_KERNEL, -1);
	is(regs[REG_TRAPNO], 13, "J1: which is a general protection fault");
	is(regs[REG_ERR], 0, "J1: with error code 0");
	TRY(__asm__ volatile("hlt"));
	expect("a privileged instruction", 0, SI_KERNEL, -1);
	(void)sink;

	// Blocked or ignored, a fault still kills.
	pid_t pid = xfork();
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		block(SIGSEGV);
		poke(8);
		_exit(0);
	}
	ok_killed(pid, SIGSEGV, "J3: a blocked SIGSEGV kills all the same");
	pid = xfork();
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		signal(SIGSEGV, SIG_IGN);
		poke(8);
		_exit(0);
	}
	ok_killed(pid, SIGSEGV, "J3: an ignored one too");
	return done();
}
