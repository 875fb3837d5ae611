# Background jobs, waiting, killing, time limits; job control on a terminal.
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

t 'a background job' '(echo job) & wait' 'job'
t 'wait for its status' '(exit 9) & wait $!; echo $?' '9'
t 'several jobs' '(exit 1) & a=$!; (exit 2) & b=$!; wait $a; echo $?; wait $b; echo $?' '1
2'
t 'wait for all' 'for i in 1 2 3 4 5; do (echo $i >w$i) & done; wait; cat w*' '1
2
3
4
5'
t 'wait of a stranger' 'wait 999999; echo $?' '127'
t 'kill a job' 'sleep 100 & kill $!; wait $!; echo $?' '143'
t 'kill -9 a job' 'sleep 100 & kill -9 $!; wait $!; echo $?' '137'
t 'kill by name' 'sleep 100 & until grep -q sleep /proc/$!/comm; do :; done; kill -s INT $!; kill -HUP $!; wait $!; echo $?' '129'
t 'kill -0' 'sleep 100 & kill -0 $! && echo alive; kill $!; wait $! 2>/dev/null; kill -0 $! 2>/dev/null || echo gone' 'alive
gone'
t 'kill -l' 'kill -l 9; kill -l 15' 'KILL
TERM'
t 'a background job does not read the terminal' 'cat & wait $!; echo $?' '0'
t 'background jobs ignore ^C' 'sh -c "trap" & wait; sleep 100 & p=$!; until grep -q sleep /proc/$p/comm; do :; done; kill -INT $p; kill -0 $p && echo ignored; kill $p' 'ignored'
t 'stop and continue' 'sleep 100 & p=$!; kill -STOP $p; while :; do case $(cut -d" " -f3 /proc/$p/stat) in T) break;; esac; done; echo stopped; kill -CONT $p; kill $p; wait $p; echo $?' 'stopped
143'
t 'trap while waiting' 'sh -c "trap \"echo trapped\" USR1; (kill -USR1 \$\$) & wait \$!; wait; echo done"' 'trapped
done'
t 'a pipeline in the background' 'seq 5 | sort -r | head -n 2 & wait' '5
4'
t 'nested background jobs' '(echo a & wait; echo b) & wait' 'a
b'
t 'an orphan goes on' 'sh -c "(sleep 0.1; echo late >orphan) &"; while [ ! -s orphan ]; do sleep 0.05; done; cat orphan' 'late'
t 'timeout: in time' 'timeout 20 echo quick; echo $?' 'quick
0'
t 'timeout: too late' 'timeout 0.2 sleep 100; echo $?' '143'
t 'timeout -s KILL' 'timeout -s KILL 0.2 sleep 100; echo $?' '137'
t 'nohup' 'nohup sh -c "kill -HUP \$\$; echo survived" 2>/dev/null' 'survived'
t 'sleep by fractions' 'sleep 0.05; sleep 0; echo $?' '0'
t 'usleep' 'usleep 1000; echo $?' '0'
t 'time' 'time -p true 2>&1 | cut -d" " -f1 | tr "\n" " "' 'real user sys '
t 'nice' 'nice -n 5 sh -c "nice"' '5'
t 'renice' 'sleep 100 & renice -n 3 -p $! >/dev/null; cut -d" " -f19 /proc/$!/stat; kill $!' '3'
t 'setsid' 'setsid sh -c "[ \$(cut -d\" \" -f6 /proc/\$\$/stat) = \$\$ ] && echo own session"' 'own session'
t 'flock' '(flock 9; echo first; sleep 0.1; echo second) 9>lock & sleep 0.05; flock lock echo third; wait' 'first
second
third'
t 'a lock file by mkdir' 'mkdir l && ! mkdir l 2>/dev/null && echo exclusive' 'exclusive'
t 'parallel writers to one file' 'for i in 1 2 3 4; do (for j in $(seq 50); do echo "line from $i"; done >>many) & done; wait; sort many | uniq -c | sed "s/^ *//"' '50 line from 1
50 line from 2
50 line from 3
50 line from 4'
t 'xargs -P' 'seq 8 | xargs -P 4 -n 1 sh -c "echo \$0" | sort -n | tr "\n" " "' '1 2 3 4 5 6 7 8 '

# With job control, on a terminal that script(1) makes.
if [ -c /dev/ptmx ] && script -q -c true /dev/null >/dev/null 2>&1 </dev/null; then
	on_tty() {
		script -q -c "sh $1" /dev/null </dev/null | tr -d '\r'
	}
	cat >mon <<'END'
set -m
sleep 100 &
p=$!
pg=$(cut -d' ' -f5 /proc/$p/stat)
[ $pg = $p ] && echo own group
kill %1
wait
kill -0 $p 2>/dev/null || echo ended
END
	t 'set -m: a job has a group of its own' 'on_tty mon | grep -v Terminated' 'own group
ended'
	cat >fg <<'END'
set -m
sh -c 'kill -STOP $$; echo resumed'
echo stopped $?
fg >/dev/null
echo back $?
END
	t 'set -m: stop and fg' 'on_tty fg | grep -v -e Stopped -e "^$"' 'stopped 147
resumed
back 0'
	cat >bg <<'END'
set -m
sh -c 'kill -STOP $$; echo in background'
bg >/dev/null
wait
jobs
END
	t 'set -m: bg' 'on_tty bg | grep "^in background"' 'in background'
	cat >group <<'END'
set -m
(sleep 100 | sleep 100) &
until [ "$(pgrep -P $! sleep | wc -l)" = 2 ]; do :; done
p=$!
kill -TERM -$p
wait
while kill -0 -$p 2>/dev/null; do :; done
echo all gone
END
	t 'set -m: kill of a whole job' 'on_tty group | grep "^all"' 'all gone'
	cat >size <<'END'
stty rows 30 cols 90
stty size
stty -echo
stty -a | grep -c -e '-echo '
tty | cut -c1-9
END
	t 'stty and tty' 'on_tty size' '30 90
1
/dev/pts/'
else
	for i in 'group' 'fg' 'bg' 'kill' 'stty'; do
		n=$((n + 1))
		echo "ok $n - set -m: $i # SKIP no pty, or no script(1)"
	done
fi

cd / && rm -rf "$d"
finish
