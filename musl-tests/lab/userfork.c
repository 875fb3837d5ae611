// A copy-on-write fork written by user code, as an exokernel's library has it.
//
// Pages live in "frames" of one memory file. An address space is an array of
// page-table entries over a window; windows are mapped MAP_SHARED, mprotect
// is the COW bit, and a SIGSEGV handler copies. The child is a real process,
// so two windows exist at once; the frame counts are in shared memory.
#include "helpers.h"

#define WINDOW ((char *)0x600000000000)
#define PAGES 16
#define FRAMES 64

struct pte {
	int frame;
	enum { NONE, READ_ONLY, WRITABLE, COW } state;
};

struct kernel {
	int lock;
	int refs[FRAMES];
	int next;
};

static struct kernel *k; // shared by all
static struct pte table[PAGES]; // one for each process
static int memory; // the file of frames
static volatile int copies;

static void lock(void)
{
	while (__atomic_exchange_n(&k->lock, 1, __ATOMIC_ACQUIRE))
		syscall(SYS_sched_yield);
}

static void unlock(void)
{
	__atomic_store_n(&k->lock, 0, __ATOMIC_RELEASE);
}

static int frame_alloc(void)
{
	int found = -1;
	lock();
	for (int i = 0; i < FRAMES && found < 0; i++)
		if (k->refs[i] == 0) {
			k->refs[i] = 1;
			found = i;
		}
	unlock();
	return found;
}

// Realises one entry: the mapping follows from frame and state.
static int map_page(int i)
{
	int prot = table[i].state == WRITABLE ? PROT_READ | PROT_WRITE : PROT_READ;
	return mmap(WINDOW + i * PAGE, PAGE, prot, MAP_SHARED | MAP_FIXED, memory,
		    table[i].frame * PAGE) == WINDOW + i * PAGE ? 0 : -1;
}

// J1, J2: the handler copies to a new frame elsewhere and moves that over
// the faulting page in one step.
static void on_fault(int sig, siginfo_t *info, void *context)
{
	long i = ((char *)info->si_addr - WINDOW) / PAGE;
	(void)sig, (void)context;
	if (i < 0 || i >= PAGES || table[i].state != COW || info->si_code != SEGV_ACCERR) {
		signal(SIGSEGV, SIG_DFL); // not ours: fault again, and die of it
		return;
	}
	lock();
	int alone = k->refs[table[i].frame] == 1;
	unlock();
	if (!alone) {
		int frame = frame_alloc();
		char *elsewhere;
		if (frame < 0)
			_exit(12);
		elsewhere = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, frame * PAGE);
		memcpy(elsewhere, WINDOW + i * PAGE, PAGE);
		munmap(elsewhere, PAGE);
		lock();
		k->refs[table[i].frame]--;
		unlock();
		table[i].frame = frame;
		copies++;
	}
	table[i].state = WRITABLE;
	if (map_page(i) < 0)
		_exit(13);
}

// J5, J6: child and parent are write-protected, in that order; entries that
// are COW already stay COW; read-only ones are shared as they are. The child
// runs only when its window is complete (it is a copy made after the marks).
static pid_t user_fork(void)
{
	for (int i = 0; i < PAGES; i++) {
		if (table[i].state == NONE)
			continue;
		lock();
		k->refs[table[i].frame]++;
		unlock();
		if (table[i].state == WRITABLE || table[i].state == COW) {
			table[i].state = COW;
			if (mprotect(WINDOW + i * PAGE, PAGE, PROT_READ) < 0)
				return -1;
		}
	}
	pid_t pid = fork();
	if (pid < 0) // J12: give back what was taken
		for (int i = 0; i < PAGES; i++)
			if (table[i].state != NONE)
				k->refs[table[i].frame]--;
	return pid;
}

static void user_exit(int code)
{
	lock();
	for (int i = 0; i < PAGES; i++)
		if (table[i].state != NONE)
			k->refs[table[i].frame]--;
	unlock();
	_exit(code);
}

int main(void)
{
	plan(9);
	memory = syscall(SYS_memfd_create, "frames", 0);
	if (memory < 0 && errno == ENOSYS) { // any file will do
		scratch();
		memory = open("frames", O_RDWR | O_CREAT, 0600);
	}
	if (memory < 0 || ftruncate(memory, FRAMES * PAGE) < 0)
		bail("no memory file: %s", strerror(errno));
	k = shared(PAGE);
	catch_signal(SIGSEGV, on_fault, 0);
	for (int i = 0; i < PAGES - 1; i++) {
		table[i] = (struct pte){ frame_alloc(), i == 3 ? READ_ONLY : WRITABLE };
		if (map_page(i) < 0)
			bail("map");
		if (i != 3)
			WINDOW[i * PAGE] = 'a' + i;
	}
	struct gate go;
	gate_init(&go);
	pid_t pid = user_fork();
	if (pid == 0) {
		gate_wait(&go);
		for (int i = 0; i < PAGES - 1; i++)
			CHECK(WINDOW[i * PAGE] == (i == 3 ? 0 : 'a' + i));
		WINDOW[0] = 'X';
		WINDOW[PAGE] = 'Y';
		CHECK(copies == 1); // page 0 was copied by the parent: ours alone now
		pid_t sub = user_fork(); // J6: COW pages marked once more
		if (sub == 0) {
			CHECK(WINDOW[0] == 'X' && WINDOW[2 * PAGE] == 'c');
			WINDOW[0] = 'Z';
			user_exit(0);
		}
		int status = wait_for(sub);
		CHECK(status == 0 && WINDOW[0] == 'X');
		user_exit(0);
	}
	ok(pid > 0, "J5: a fork written in user space");
	WINDOW[0] = 'P';
	is(copies, 1, "J1, J2: the parent's store copied the page");
	gate_open(&go);
	ok_child(pid, "J5, J6: child and grandchild saw their own memory");
	ok(WINDOW[0] == 'P' && WINDOW[PAGE] == 'b' && WINDOW[2 * PAGE] == 'c',
	   "J5: the parent sees its own");
	WINDOW[2 * PAGE] = 'Q';
	is(copies, 1, "S16: a page that is ours alone again is not copied");
	int refs = 0;
	for (int i = 0; i < FRAMES; i++)
		refs += k->refs[i];
	is(refs, PAGES - 1, "J12: every frame has one owner again");

	pid = xfork();
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		WINDOW[3 * PAGE] = 1; // read-only
		_exit(0);
	}
	ok_killed(pid, SIGSEGV, "J3: a store to a read-only page kills");
	pid = xfork();
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		poke((uintptr_t)WINDOW + (PAGES - 1) * PAGE); // not there
		_exit(0);
	}
	ok_killed(pid, SIGSEGV, "J3: a store to a missing page kills");
	pid = user_fork();
	if (pid == 0) {
		for (int i = 0; i < PAGES - 1; i++)
			if (i != 3)
				WINDOW[i * PAGE] = 'n';
		user_exit(copies != 1 + 14);
	}
	ok_child(pid, "J9, J11: the handler is inherited and serves every page");
	return done();
}
