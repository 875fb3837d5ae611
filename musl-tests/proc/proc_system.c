// /proc's files about the machine, as free, uptime, mount, df and top read them.
#include "helpers.h"
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

static char text[65536];

static long meminfo(const char *key)
{
	char *p = strstr(text, key);
	return p && (p == text || p[-1] == '\n') ? strtol(p + strlen(key), 0, 10) : -1;
}

int main(void)
{
	plan(33);
	struct sysinfo si;
	sysinfo(&si);
	ok(slurp("/proc/meminfo", text, sizeof text) > 0, "meminfo");
	long total = meminfo("MemTotal:"), avail = meminfo("MemAvailable:"), mfree = meminfo("MemFree:");
	ok(total > 4096 && mfree > 0 && mfree < total, "MemTotal %ld, MemFree %ld", total, mfree);
	ok(avail > 0 && avail <= total, "MemAvailable %ld", avail);
	is(total, (long)(si.totalram * si.mem_unit / 1024), "MemTotal agrees with sysinfo");
	ok(meminfo("Buffers:") >= 0 && meminfo("Cached:") >= 0, "Buffers and Cached");
	ok(meminfo("SwapTotal:") >= 0 && meminfo("SwapFree:") >= 0, "swap");
	ok(strstr(text, " kB\n") != 0, "in kB");

	double up, idle;
	ok(slurp("/proc/uptime", text, sizeof text) > 0 && sscanf(text, "%lf %lf", &up, &idle) == 2,
	   "uptime");
	ok(up > 0 && up >= (double)si.uptime - 2 && up <= (double)si.uptime + 3, "agrees with sysinfo (%.2f)", up);
	double l1, l2, l3;
	int running, all, last;
	ok(slurp("/proc/loadavg", text, sizeof text) > 0 &&
		   sscanf(text, "%lf %lf %lf %d/%d %d", &l1, &l2, &l3, &running, &all, &last) == 6, "loadavg");
	ok(running >= 1 && all >= running && last >= 1,
	   "%d of %d run, last pid %d", running, all, last);

	ok(slurp("/proc/stat", text, sizeof text) > 0 && !strncmp(text, "cpu  ", 5), "stat");
	long user, nice, system, idl;
	is(sscanf(text, "cpu %ld %ld %ld %ld", &user, &nice, &system, &idl), 4, "its first line");
	ok(strstr(text, "\ncpu0 ") != 0, "a line for each processor");
	ok(strstr(text, "\nbtime ") && strstr(text, "\nprocesses ") && strstr(text, "\nctxt "),
	   "btime, processes, ctxt");
	long btime = strtol(strstr(text, "\nbtime ") ? strstr(text, "\nbtime ") + 7 : "0", 0, 10);
	ok(labs(time(0) - (long)up - btime) <= 3, "btime is now less uptime");

	struct utsname u;
	uname(&u);
	ok(slurp("/proc/version", text, sizeof text) > 0 && strstr(text, u.release),
	   "version has the release");
	ok(slurp("/proc/cpuinfo", text, sizeof text) > 0, "cpuinfo");
	long cpus = 0;
	for (char *p = text; (p = strstr(p, "processor\t")); p++)
		cpus++;
	is(cpus, sysconf(_SC_NPROCESSORS_ONLN), "a block for each processor");
	ok(strstr(text, "\nflags\t") && strstr(text, " sse2 "), "with flags");
	ok(slurp("/proc/filesystems", text, sizeof text) > 0 && strstr(text, "nodev\ttmpfs\n") &&
		   strstr(text, "nodev\tproc\n"), "filesystems has tmpfs and proc");
	ok(slurp("/proc/mounts", text, sizeof text) > 0 && strstr(text, " /proc proc "),
	   "mounts has /proc");
	int whole = 1, lines = 0;
	for (char *p = strtok(text, "\n"); p; p = strtok(0, "\n"), lines++) {
		char dev[256], dir[256], type[64], opts[512];
		int a, b;
		whole &= sscanf(p, "%255s %255s %63s %511s %d %d", dev, dir, type, opts, &a, &b) == 6;
	}
	ok(whole && lines >= 2, "six fields in each of %d lines", lines);
	ok(slurp("/proc/self/mountinfo", text, sizeof text) > 0 && strstr(text, " - proc "),
	   "mountinfo");
	ok(slurp("/proc/cmdline", text, sizeof text) > 0 && strchr(text, '\n'), "cmdline");
	ok(slurp("/proc/sys/kernel/hostname", text, sizeof text) > 0, "sys/kernel/hostname");
	text[strcspn(text, "\n")] = 0;
	is_str(text, u.nodename, "is uname's");
	ok(slurp("/proc/sys/kernel/pid_max", text, sizeof text) > 0 && atol(text) >= 300,
	   "sys/kernel/pid_max");
	ok(slurp("/proc/sys/kernel/random/boot_id", text, sizeof text) < 0 || strlen(text) == 37,
	   "boot_id, if any");

	struct statfs fs;
	is(statfs("/proc", &fs), 0, "statfs of /proc");
	is(fs.f_type, 0x9fa0, "its magic number");
	fails(open("/proc/newfile", O_CREAT | O_RDWR, 0644), ENOENT,
	   "nothing can be created in /proc");
	// Small reads see one text.
	char one[4096];
	int fd = open("/proc/meminfo", O_RDONLY);
	size_t n = 0;
	while (n < sizeof one - 1 && read(fd, one + n, 1) == 1)
		n++;
	one[n] = 0;
	slurp("/proc/meminfo", text, sizeof text);
	ok(n > 100 && strlen(text) > 100 && !strncmp(one, text, 9), "byte by byte, too");
	return done();
}
