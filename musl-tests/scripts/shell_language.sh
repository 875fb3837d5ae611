# The shell language itself: expansion, quoting, control flow, redirection.
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

t 'echo' 'echo hello world' 'hello world'
t 'single quotes' "echo 'a  \$b  \"c\"'" 'a  $b  "c"'
t 'double quotes' 'x=1; echo "x  is  $x"' 'x  is  1'
t 'word splitting' 'x="a  b   c"; echo $x' 'a b c'
t 'default values' 'echo ${u-one} ${u:-two} ${u:=three} $u' 'one two three three'
t 'alternative value' 'x=1; echo "${x:+set}${u:+set}"' 'set'
t 'error if unset' '(: ${u:?gone}) 2>/dev/null || echo failed' 'failed'
t 'length' 'x=hello; echo ${#x}' '5'
t 'prefix and suffix' 'f=/a/b/c.tar.gz; echo ${f##*/} ${f%.*} ${f%%.*} ${f#*/}' \
	'c.tar.gz /a/b/c.tar /a/b/c a/b/c.tar.gz'
t 'substring and replacement' 'x=abcdef; echo ${x:1:3} ${x/cd/XY} ${x//[ace]/-}' 'bcd abXYef -b-d-f'
t 'arithmetic' 'echo $((2 + 3 * 4)) $((17 % 5)) $((1 << 10)) $((0x1f)) $((-7 / 2))' '14 2 1024 31 -3'
t 'arithmetic with variables' 'x=5; : $((x += 3)); echo $x $((x > 7 ? 1 : 0))' '8 1'
t 'command substitution' 'echo "[$(echo a; echo b)]"' '[a
b]'
t 'nested substitution' 'echo $(echo $(echo $(echo deep)))' 'deep'
t 'backquotes' 'echo `echo old`' 'old'
t 'status of a substitution' 'x=$(false); echo $?' '1'
t 'globs' 'touch g1 g2 h1; echo g* [gh]1 ?2; echo none*' 'g1 g2 g1 h1 g2
none*'
t 'tilde' 'HOME=/somewhere; echo ~ ~/x' '/somewhere /somewhere/x'
t 'positional parameters' 'set -- a "b c" d; echo $# "$2"; shift; echo "$1" $#' '3 b c
b c 2'
t '"$@" keeps words' 'set -- "a b" c; for i in "$@"; do echo "<$i>"; done' '<a b>
<c>'
t 'IFS' 'IFS=:; x=a:b:c; set -- $x; echo $# $3' '3 c'
t 'if, elif, else' 'if false; then echo 1; elif true; then echo 2; else echo 3; fi' '2'
t 'for' 'for i in 1 2 3; do echo -n "$i "; done' '1 2 3 '
t 'while and break' 'i=0; while :; do i=$((i+1)); [ $i = 4 ] && break; done; echo $i' '4'
t 'until and continue' 'i=0; until [ $i = 5 ]; do i=$((i+1)); [ $i = 3 ] && continue; echo -n $i; done' '1245'
t 'case' 'for x in apple 42 "" -v; do case $x in [0-9]*) echo number;; a*|b*) echo word;; "") echo empty;; *) echo other;; esac; done' \
	'word
number
empty
other'
t 'functions' 'f() { echo "$1-$#"; return 7; }; f x y; echo $?' 'x-2
7'
t 'local variables' 'x=out; f() { local x=in; echo $x; }; f; echo $x' 'in
out'
t 'recursion' 'fact() { [ $1 -le 1 ] && echo 1 || echo $(($1 * $(fact $(($1 - 1))))); }; fact 10' '3628800'
t 'and, or, not' 'true && echo a; false || echo b; ! false && echo c' 'a
b
c'
t 'groups and subshells' 'x=1; { x=2; }; (x=3; echo $x); echo $x' '3
2'
t 'exit status' 'sh -c "exit 42"; echo $?' '42'
t 'status of a signal' 'sh -c "kill -KILL \$\$"; echo $?' '137'
t 'command not found' 'nosuchcommand 2>/dev/null; echo $?' '127'
t 'not executable' 'echo x >noexec; ./noexec 2>/dev/null; echo $?' '126'
t 'set -e' '(set -e; false; echo never); echo $?' '1'
t 'set -u' '(set -u; echo $undefined) 2>/dev/null; echo $?' '2'
t 'a script without a shebang' 'echo "echo ran \$1" >s; chmod +x s; ./s it' 'ran it'
t 'a script with a shebang' 'printf "#!/bin/sh -e\necho bang \$1 \$-\n" >s2; chmod +x s2; ./s2 it | cut -d" " -f1,2' 'bang it'

t 'output and append' 'echo a >f; echo b >>f; cat f' 'a
b'
t 'input' 'wc -l <f' '2'
t 'standard error' '(echo out; echo err >&2) 2>e >o; cat o e' 'out
err'
t 'both' '(echo out; echo err >&2) >both 2>&1; wc -l <both' '2'
t 'closing' '(echo lost >&-) 2>/dev/null; echo $?' '1'
t 'other descriptors' 'exec 5>five; echo via five >&5; exec 5>&-; cat five' 'via five'
t 'reading by descriptor' 'exec 6<f; read a <&6; read b <&6; exec 6<&-; echo $b $a' 'b a'
t 'noclobber' 'set -C; { echo x >f; } 2>/dev/null; echo $?; echo y >|f; cat f' '1
y'
t 'here-document' 'x=5; cat <<END
x is $x, $((x * 2)), $(echo five)
END' 'x is 5, 10, five'
t 'quoted here-document' "cat <<'END'
\$x stays
END" '$x stays'
t 'here-document without tabs' 'cat <<-END
		two tabs
	one tab
	END' 'two tabs
one tab'
t 'two here-documents' 'cat <<A - <<B | tr a-z A-Z
first
A
second
B' 'SECOND'
t 'a large here-document' 'cat <<END | wc -c
'"$(seq 1 20000)"'
END' '108894'

t 'a pipeline' 'echo hello | tr a-z A-Z | rev' 'OLLEH'
t 'its status is the last one' 'false | true; echo $?; true | false; echo $?' '0
1'
t 'pipefail' 'set -o pipefail; false | true; echo $?' '1'
t 'a long pipeline' 'seq 1 1000 | cat | cat | cat | cat | cat | cat | cat | tail -n 1' '1000'
t 'yes, cut off by head' 'yes | head -n 3' 'y
y
y'
t 'a while loop in a pipeline' 'seq 3 | while read x; do echo "<$x>"; done' '<1>
<2>
<3>'
t 'read splits' 'echo "a b c d" | { read x y z; echo "$x|$y|$z"; }' 'a|b|c d'
t 'read -r' 'printf "a\\\\b\n" | { read -r x; echo "$x"; }' 'a\b'
t 'megabytes through a pipe' 'dd if=/dev/zero bs=1024 count=3000 2>/dev/null | wc -c' '3072000'
t 'fifo' 'mkfifo p; echo through >p & cat p; wait' 'through'

t 'trap EXIT' 'sh -c "trap \"echo bye\" EXIT; echo hi"' 'hi
bye'
t 'trap of a signal' 'sh -c "trap \"echo caught\" USR1; kill -USR1 \$\$; echo after"' 'caught
after'
t 'an ignored signal' 'sh -c "trap \"\" TERM; kill -TERM \$\$; echo alive"' 'alive'
t 'traps are reset in subshells' 'trap "echo no" USR1; (sh -c "kill -USR1 \$PPID"; echo lives) & wait $!; echo $?' '138'
t 'export' 'export V=val; sh -c "echo \$V"; W=one sh -c "echo \$W"; echo "[$W]"' 'val
one
[]'
t 'env -i' 'env -i A=1 /bin/sh -c "echo \$A\$HOME"' '1'
t 'eval' 'x="echo \$y"; y=evaluated; eval $x' 'evaluated'
t 'exec replaces the shell' 'sh -c "exec echo replaced; echo never"' 'replaced'
t 'dot' 'echo "v=sourced" >lib; . ./lib; echo $v' 'sourced'
t 'alias' 'alias hi="echo hello"; eval hi' 'hello'
t 'getopts' 'set -- -a -b val rest; while getopts ab: o; do echo "$o-$OPTARG"; done; shift $((OPTIND - 1)); echo $1' 'a-
b-val
rest'
t 'type' 'type cd >/dev/null && echo builtin' 'builtin'
t 'command -v' 'command -v cat >/dev/null && echo found' 'found'
t 'umask' 'umask 027; echo x >u; stat -c %a u' '640'
t 'ulimit' 'ulimit -n 64; ulimit -n' '64'
t 'times' 'times | wc -l' '2'
t 'test: files' '[ -f f ] && [ -d . ] && [ ! -e nofile ] && [ -s f ] && [ -p p ] && echo yes' 'yes'
t 'test: strings' '[ a = a ] && [ a != b ] && [ -n x ] && [ -z "" ] && echo yes' 'yes'
t 'test: numbers' '[ 3 -lt 10 ] && [ 10 -ge 10 ] && [ -1 -ne 1 ] && echo yes' 'yes'
t 'printf' 'printf "%d %5.2f|%-5s|%05d|%x|%c\n" 42 3.14159 ab 42 255 xyz' '42  3.14|ab   |00042|ff|x'
t 'printf repeats' 'printf "%s-" a b c; echo' 'a-b-c-'
t 'echo -e' 'echo -e "a\tb\x41"' 'a	bA'
t 'pid of the shell' '[ $$ -gt 1 ] && kill -0 $$ && echo alive' 'alive'
t '2,000 builtins in a loop' 'i=0; while [ $i -lt 2000 ]; do i=$((i + 1)); done; echo $i' '2000'
t '100 forks in a loop' 'i=0; while [ $i -lt 100 ]; do (exit 3); [ $? = 3 ] && i=$((i + 1)); done; echo $i' '100'
t '50 programs in a loop' 'i=0; while [ $i -lt 50 ]; do /bin/true && i=$((i + 1)); done; echo $i' '50'

cd / && rm -rf "$d"
finish
