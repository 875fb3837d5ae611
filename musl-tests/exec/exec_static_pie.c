// build: -static-pie
// A position-independent static program: relocated by itself, placed by us.
#include "self.h"
#include <elf.h>
#include <sys/auxv.h>

static int variable = 5;
static int *pointer = &variable; // needs a relocation
static __thread int tls = 9;

int main(int argc, char **argv)
{
	if (argc > 1)
		return write(1, &pointer, 8) == 8 ? 0 : 1;
	plan(7);
	self_init(argv[0]);
	ok(*pointer == 5 && pointer == &variable, "relocations were applied");
	is(tls, 9, "thread-local storage has its initial value");
	ok((uintptr_t)main >= 0x100000000, "it does not sit at its link address 0");
	ok((uintptr_t)main < (uintptr_t)1 << 47, "but in the user's half");
	const Elf64_Ehdr *eh = (void *)(getauxval(AT_PHDR) - sizeof(Elf64_Ehdr));
	ok(!memcmp(eh->e_ident, ELFMAG, 4) && eh->e_type == ET_DYN, "the image is ET_DYN");
	ok(getauxval(AT_ENTRY) == (uintptr_t)eh + eh->e_entry, "AT_ENTRY carries the load address");

	uintptr_t where[2] = { 0 };
	int p[2];
	xpipe(p);
	pid_t pid = xfork();
	if (pid == 0) {
		dup2(p[1], 1);
		execl(self, self, "where", (char *)0);
		_exit(1);
	}
	wait_for(pid);
	ok(read(p[0], where, 8) == 8 && where[0] % PAGE == (uintptr_t)&variable % PAGE,
	   "it runs a second time, wherever it is put");
	return done();
}
