// Damaged ELF files: refused, or the process dies; the machine goes on.
#include "self.h"
#include <elf.h>

static char *image;
static size_t image_len;
static Elf64_Ehdr *eh;
static Elf64_Phdr *ph;

static void load(void)
{
	int fd = open(self, O_RDONLY);
	struct stat st;
	fstat(fd, &st);
	image_len = st.st_size;
	image = malloc(image_len);
	if (read(fd, image, image_len) != (ssize_t)image_len)
		bail("read of myself");
	close(fd);
	eh = (void *)image;
	ph = (void *)(image + eh->e_phoff);
}

static Elf64_Phdr *first(uint32_t type)
{
	for (int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == type)
			return &ph[i];
	return 0;
}

// Writes the image (its first `len` bytes), runs it, restores it.
// errno of execve, 1000 + signal, or 0 when it ran.
static int run(size_t len)
{
	int fd = open("bad", O_WRONLY | O_CREAT | O_TRUNC, 0755);
	if (write(fd, image, len) != (ssize_t)len)
		bail("write");
	close(fd);
	free(image);
	load();
	pid_t pid = xfork();
	if (pid == 0) {
		struct rlimit none = { 0, 0 };
		setrlimit(RLIMIT_CORE, &none);
		// Damage may well make a program that loops; an alarm outlives exec.
		signal(SIGALRM, SIG_DFL);
		alarm(2);
		execl("./bad", "bad", "part", (char *)0);
		_exit(errno);
	}
	int status = wait_for(pid);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return 0;
	plan(20);
	self_init(argv[0]);
	scratch();
	load();
	is(run(image_len), 0, "an unharmed copy runs");
	eh->e_ident[EI_MAG3] = 'f';
	is(run(image_len), ENOEXEC, "a wrong magic number");
	eh->e_machine = EM_AARCH64;
	is(run(image_len), ENOEXEC, "another machine");
	eh->e_type = ET_REL;
	is(run(image_len), ENOEXEC, "an object file");
	eh->e_type = ET_CORE;
	is(run(image_len), ENOEXEC, "a core file");
	eh->e_phnum = 0;
	is(run(image_len), ENOEXEC, "no program headers");
	eh->e_phentsize = 55;
	is(run(image_len), ENOEXEC, "program headers of a wrong size");
	eh->e_phnum = 5000;
	is(run(image_len), ENOEXEC, "more program headers than fit 64 KiB");
	eh->e_phoff = image_len - 8;
	int r = run(image_len);
	ok(r == ENOEXEC || r == EIO, "program headers past the end of the file");
	r = run(sizeof *eh);
	ok(r == ENOEXEC || r == EIO, "a header and nothing else");
	eh->e_phoff = ~0ull - 10;
	r = run(image_len);
	ok(r == EINVAL || r == ENOEXEC || r == EIO, "program headers at an absurd offset");

	first(PT_LOAD)->p_memsz = 1;
	r = run(image_len);
	ok(r == EINVAL || r == 1000 + SIGSEGV || r == 1000 + SIGKILL, "more in the file than in memory");
	first(PT_LOAD)->p_memsz = 1ull << 62;
	r = run(image_len);
	ok(r == ENOMEM || r == EINVAL || r > 1000, "a segment larger than the address space");
	first(PT_LOAD)->p_vaddr = 0xffff800000000000ull;
	r = run(image_len);
	ok(r == EINVAL || r == ENOMEM || r > 1000, "a segment in the kernel's half");
	first(PT_LOAD)->p_vaddr += 8;
	r = run(image_len);
	ok(r == EINVAL || r > 1000, "a segment whose offset and address do not agree");
	eh->e_entry = 0;
	is(run(image_len), 1000 + SIGSEGV, "entry point 0");
	eh->e_entry = 0xffff800000000000ull;
	r = run(image_len);
	is(r, 1000 + SIGSEGV, "an entry point in the kernel's half");
	eh->e_entry = 0x8000000000000000ull;
	r = run(image_len);
	ok(r == 1000 + SIGSEGV || r == EINVAL, "a non-canonical entry point");

	r = run(image_len / 3);
	ok(r >= 1000 || r == ENOEXEC || r == EIO, "a file cut in the middle");

	// Random damage in the headers must never be more than that process' problem.
	uint32_t seed = 12345;
	int ended = 0;
	for (int i = 0; i < 60; i++) {
		for (int k = 0; k < 3; k++) {
			seed = seed * 1664525 + 1013904223;
			image[(seed >> 8) % (64 + eh->e_phnum * 56)] ^= 1 << (seed >> 29);
		}
		run(image_len);
		ended++;
	}
	is(ended, 60, "60 files with random damage");
	return done();
}
