// build: -dynamic
// A dynamic program: PT_INTERP brings in /lib/ld-musl-x86_64.so.1.
#include "helpers.h"
#include <dlfcn.h>
#include <elf.h>
#include <pthread.h>
#include <sys/auxv.h>

static __thread int tls = 3;

static void *thread(void *arg)
{
	tls += *(int *)arg;
	return (void *)(long)tls;
}

int main(void)
{
	plan(9);
	const Elf64_Phdr *ph = (void *)getauxval(AT_PHDR);
	const char *interp = 0;
	uintptr_t base = 0;
	for (unsigned long i = 0; i < getauxval(AT_PHNUM); i++)
		if (ph[i].p_type == PT_PHDR)
			base = (uintptr_t)ph - ph[i].p_vaddr;
	for (unsigned long i = 0; i < getauxval(AT_PHNUM); i++)
		if (ph[i].p_type == PT_INTERP)
			interp = (char *)base + ph[i].p_vaddr;
	is_str(interp, "/lib/ld-musl-x86_64.so.1", "the interpreter named in the program");
	const Elf64_Ehdr *ld = (void *)getauxval(AT_BASE);
	ok(ld && !memcmp(ld->e_ident, ELFMAG, 4), "AT_BASE is where it was loaded");
	ok(getauxval(AT_ENTRY) != (uintptr_t)ld + ld->e_entry,
	   "AT_ENTRY is the program's entry, not the interpreter's");
	ok(dlsym(RTLD_DEFAULT, "printf") != 0, "symbols are resolved at run time");
	char text[32];
	snprintf(text, sizeof text, "%d-%s", 42, "x");
	is_str(text, "42-x", "calls into the shared library work");

	int arg = 4;
	void *r;
	pthread_t t;
	pthread_create(&t, 0, thread, &arg);
	pthread_join(t, &r);
	is((long)r, 7, "threads have their own TLS");
	is(tls, 3, "apart from the first thread's");

	pid_t pid = xfork();
	if (pid == 0) {
		tls = 5;
		char *p = malloc(300000);
		memset(p, 1, 300000);
		_exit(tls == 5 && p[299999] == 1 ? 0 : 1);
	}
	ok_child(pid, "S1: fork of a dynamic program");
	ok(getenv("PATH") == 0 || *getenv("PATH"), "the environment went through the interpreter");
	return done();
}
