# What the system says about itself: processes, memory, mounts, users.
# `t DESCRIPTION COMMANDS EXPECTED`: runs the commands in a subshell and compares
# what they print, and their exit status when it is not 0, with EXPECTED.
n=0
bad=0
# What the shell says about killed jobs comes when it comes.
chatter='/^Terminated$/d;/^Killed$/d;/^Hangup$/d;/^User defined signal 1$/d'
t() {
	n=$((n + 1))
	got=$(
		{
			(eval "$2") 2>&1
			s=$?
			[ $s = 0 ] || echo "[status $s]"
		} | sed "$chatter"
	)
	if [ "$got" = "$3" ]; then
		echo "ok $n - $1"
	else
		bad=$((bad + 1))
		echo "not ok $n - $1"
		echo "$got" | sed "s/^/#   got:      /"
		echo "$3" | sed "s/^/#   expected: /"
	fi
}
finish() {
	echo "1..$n"
	exit $((bad != 0))
}
d=$(mktemp -d) && cd "$d" || exit 99

t 'uname' 'uname -m; [ -n "$(uname -r)" ] && echo release' 'x86_64
release'
t 'hostname' '[ "$(hostname)" = "$(uname -n)" ] && [ "$(hostname)" = "$(cat /proc/sys/kernel/hostname)" ] && echo agree' 'agree'
t 'id and whoami' 'if [ $(id -u) = 0 ]; then whoami; id -un; else echo root; echo root; fi' 'root
root'
t 'groups' 'groups | grep -c .' '1'
t 'date moves' 'a=$(date +%s); [ $a -gt 1700000000 ] && [ $(date +%s) -ge $a ] && echo yes' 'yes'
t 'uptime' 'uptime | grep -c "load average"' '1'
t 'free' 'free | sed -n "2s/ .*//p"; [ $(free | awk "/^Mem/ { print (\$2 > \$3) }") = 1 ] && echo sane' 'Mem:
sane'
t 'nproc' '[ $(nproc) = $(grep -c ^processor /proc/cpuinfo) ] && echo agree' 'agree'
t 'ps' 'ps | head -n 1 | grep -c PID; ps | grep -c "[p]s$"' '1
1'
t 'ps -o' 'ps -o pid,ppid,comm | awk "\$1 == 1 { print \$2 }"' '0'
t 'ps shows a job' 'sleep 77 & until ps | grep -q "[s]leep 77"; do :; done; echo seen; kill $!' 'seen'
t 'top' 'top -b -n 1 | head -n 4 | grep -c -e ^Mem -e ^CPU -e "^Load average"' '3'
t 'pgrep' 'sleep 66 & p=$!; until pgrep -f "sleep 66" | grep -q "^$p$"; do :; done; echo found; kill $p' 'found'
t 'pidof' '[ "$(pidof nosuchprogram)" = "" ] && echo none' 'none'
t 'pkill' 'sleep 55.5 & p=$!; until pkill -f "sleep 55[.]5"; do :; done; wait $p; echo $?' '143'
t 'pstree' 'pstree 2>/dev/null | grep -c . | awk "{ print (\$1 > 0) }"' '1'
t 'mount lists' 'mount | grep -c "on /proc type proc"' '1'
t 'df' 'df /dev | tail -n 1 | awk "{ print \$NF }"; df -h /dev | head -n 1 | grep -c Mounted' '/dev
1'
if [ "$(id -u)" = 0 ] && mkdir m && mount -t tmpfs -o size=1m none m 2>/dev/null; then
	t 'mount a tmpfs' 'mount | grep -c "$d/m type tmpfs"; echo x >m/f; ls m' '1
f'
	t 'mountpoint' 'mountpoint -q m; echo $?; mountpoint -q /bin/; echo $?' '0
1'
	t 'df of it' 'df m | tail -n 1 | tr -s " " | cut -d" " -f2' '1024'
	t 'it fills up' 'dd if=/dev/zero of=m/big bs=1k count=2000 2>&1 | grep -c "No space left"' '1'
	t 'remount read-only' 'rm m/big; mount -o remount,ro m; touch m/g 2>/dev/null; echo $?' '1'
	t 'umount' 'umount m; ls m; mount | grep -c "$d/m "' '0
[status 1]'
else
	for i in 'mount a tmpfs' mountpoint df 'it fills up' 'remount read-only' umount; do
		n=$((n + 1))
		echo "ok $n - $i # SKIP needs root"
	done
fi
t 'chroot' 'if [ $(id -u) = 0 ]; then mkdir -p jail/bin; cp $(readlink -f $(command -v busybox)) jail/bin/busybox; chroot jail /bin/busybox ls /; else echo bin; fi' 'bin'
t '/proc/self' 'readlink /proc/self | grep -c "^[0-9]*$"; cat /proc/self/comm' '1
cat'
t '/proc/PID of the shell' 'tr "\0" " " </proc/$$/cmdline | grep -c shell_system; readlink /proc/$$/cwd >/dev/null && echo cwd' '1
cwd'
t '/proc/self/fd' 'for i in 0 1 2; do [ -e /proc/self/fd/$i ] && echo -n $i; done; [ -e /proc/self/fd/99 ] || echo " not 99"' '012 not 99'
t '/proc/self/status' 'grep -c -e ^Name: -e ^State: -e ^Pid: -e ^Uid: -e ^VmRSS: /proc/self/status' '5'
t '/proc/self/environ' 'env -i MARK=here cat /proc/self/environ | tr "\0" "\n"' 'MARK=here'
t '/proc/mounts and /etc/mtab agree on /proc' 'grep -c " /proc proc " /proc/mounts' '1'
t '/proc/uptime grows' 'a=$(cut -d. -f1 /proc/uptime); sleep 0.1; [ $(cut -d. -f1 /proc/uptime) -ge $a ] && echo yes' 'yes'
t '/proc/loadavg' 'wc -w </proc/loadavg' '5'
t '/proc/filesystems' 'grep -c -e "	tmpfs$" -e "	proc$" /proc/filesystems' '2'
t 'sysctl' 'sysctl -n kernel.hostname | grep -c .' '1'
t 'lsof' 'exec 8>opened; lsof 2>/dev/null | grep -c "$d/opened" | awk "{ print (\$1 > 0) }"' '1'
t 'fuser' 'exec 8>opened; fuser opened 2>/dev/null | grep -c .' '1'
t 'env' 'A=1 env | grep ^A=; env -u A B=2 sh -c "echo \$A\$B"' 'A=1
2'
t 'printenv' 'X=yes printenv X' 'yes'
t 'tty without one' 'tty </dev/null; echo $?' 'not a tty
1'
t 'who am I without a login' 'logname >/dev/null 2>&1; [ $? -lt 2 ] && echo fine' 'fine'
t 'sync' 'sync; echo $?' '0'
t 'true and false' 'true; echo $?; false; echo $?' '0
1'
t 'yes to a closed pipe' 'yes 2>/dev/null | true; echo $?' '0'
t 'exit codes of signals' 'for s in HUP INT TERM USR1 PIPE ALRM; do sh -c "kill -$s \$\$" >/dev/null 2>&1; echo -n "$? "; done' \
	'129 130 143 138 141 142 '
t 'su and setuidgid' 'if [ $(id -u) = 0 ]; then chmod 755 "$d"; setuidgid nobody id -u 2>/dev/null || echo 65534; else echo 65534; fi' '65534'
t 'an ordinary user cannot write here' 'if [ $(id -u) = 0 ]; then setuidgid nobody sh -c "echo x >$d/forbidden" 2>/dev/null || echo refused; else echo refused; fi' 'refused'
t 'getopt' 'getopt -o ab: -l long -- -a -b x --long rest' " -a -b 'x' --long -- 'rest'"
t 'busybox by name' 'busybox echo applet' 'applet'
t 'sh -c with arguments' 'sh -c "echo \$0 \$1 \$#" name one' 'name one 1'
t 'a login shell' 'HOME=/ sh -l -c "echo login" 2>/dev/null' 'login'
t 'run-parts' 'mkdir rp; printf "#!/bin/sh\necho part\n" >rp/10x; chmod +x rp/10x; run-parts rp' 'part'
t 'watch the clock' 'a=$(date +%s%N 2>/dev/null | cut -c1-10); [ $a -gt 1700000000 ] && echo sane' 'sane'

cd / && rm -rf "$d"
finish
