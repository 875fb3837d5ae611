# Text tools, checked against what they must print.
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
cat >people <<'END'
name:age:town
ann:31:berlin
bob:22:oslo
cid:45:rome
dee:22:oslo
END

t 'cat' 'cat people | wc -l' '5'
t 'cat -n' 'head -n 2 people | cat -n' '     1	name:age:town
     2	ann:31:berlin'
t 'tac and rev' 'tail -n 2 people | tac | rev' 'olso:22:eed
emor:54:dic'
t 'head and tail' 'head -n 3 people | tail -n 1; tail -n +5 people; head -c 4 people' 'bob:22:oslo
dee:22:oslo
name'
t 'cut' 'cut -d: -f1,3 people | tail -n 2; echo abcdef | cut -c2-4' 'cid:rome
dee:oslo
bcd'
t 'tr' 'echo hello | tr a-y b-z; echo aabbcc | tr -s a-c; echo a1b2 | tr -d 0-9' 'ifmmp
abc
ab'
t 'sort' 'tail -n +2 people | sort -t: -k2,2n -k1,1r | cut -d: -f1 | tr "\n" " "' 'dee bob ann cid '
t 'sort -n -r -u' 'printf "10\n9\n100\n9\n" | sort -nru' '100
10
9'
t 'uniq' 'printf "a\na\nb\na\n" | uniq -c | sed "s/^ *//"; printf "a\na\nb\n" | uniq -d' '2 a
1 b
1 a
a'
t 'wc' 'wc people | sed "s/  */ /g; s/^ //"' '5 5 64 people'
t 'grep' 'grep -c oslo people; grep -n ^b people; grep -v : people; echo $?' '2
3:bob:22:oslo
1'
t 'grep -E, -i, -o, -w' 'grep -Eo "[0-9]+" people | head -n 1; grep -i ANN people; echo "ab a" | grep -cw a; echo ab | grep -cw a' '31
ann:31:berlin
1
0
[status 1]'
t 'grep -r and -l' 'mkdir r; echo needle >r/x; echo hay >r/y; grep -rl needle r; grep -q hay r/y && echo q' 'r/x
q'
t 'sed s' 'sed -n "s/oslo/OSLO/p" people; echo aaa | sed "s/a/b/2"; echo x/y | sed "s,/,-,"' 'bob:22:OSLO
dee:22:OSLO
aba
x-y'
t 'sed addresses' 'seq 10 | sed -n "3,5p;\$p" | tr "\n" " "; seq 6 | sed "2d;4d;6d" | tr "\n" " "' '3 4 5 10 1 3 5 '
t 'sed groups' 'echo "2024-01-31" | sed -E "s/([0-9]+)-([0-9]+)-([0-9]+)/\3.\2.\1/"' '31.01.2024'
t 'sed commands' 'printf "a\nb\n" | sed "a after
i before" | tr "\n" " "; printf "a\nb\nc\n" | sed "N;s/\n/+/"' 'before a after before b after a+b
c'
t 'sed -i' 'cp people p2; sed -i "1d;s/:/ /g" p2; head -n 1 p2' 'ann 31 berlin'
t 'awk fields' 'awk -F: "NR > 1 { print \$1, \$2 + 1 }" people | head -n 2' 'ann 32
bob 23'
t 'awk sums' 'awk -F: "NR > 1 { s += \$2; n++ } END { printf \"%d %.1f\n\", s, s / n }" people' '120 30.0'
t 'awk arrays' 'awk -F: "NR > 1 { c[\$3]++ } END { for (t in c) print t, c[t] }" people | sort' 'berlin 1
oslo 2
rome 1'
t 'awk functions' 'echo "Hello World" | awk "function f(s) { return toupper(substr(s, 1, 3)) } { print f(\$1), length(\$2), index(\$0, \"W\"); gsub(/o/, \"0\"); print }"' 'HEL 5 7
Hell0 W0rld'
t 'awk: a larger program' 'awk "BEGIN { for (i = 2; i < 60; i++) { p = 1; for (j = 2; j * j <= i; j++) if (i % j == 0) p = 0; if (p) printf \"%d \", i } }"' \
	'2 3 5 7 11 13 17 19 23 29 31 37 41 43 47 53 59 '
t 'awk getline and pipes' 'awk "BEGIN { while ((\"seq 3\" | getline x) > 0) s += x; print s; print \"b\na\" | \"sort\" }"' '6
a
b'
t 'seq' 'seq 3; seq 2 2 6 | tr "\n" ","; seq -w 8 10 | tr "\n" ","' '1
2
3
2,4,6,08,09,10,'
t 'expr' 'expr 3 + 4 \* 2; expr length hello; expr hello : "h\(.*\)o"; expr 5 \> 3' '11
5
ell
1'
t 'bc or dc' 'echo "2 3 + p" | dc; echo "scale=3; 22/7" | bc' '5
3.142'
t 'od' 'printf "AB\n" | od -An -tx1 | sed "s/^ *//"; printf "\001\002" | od -An -td1 | tr -s " "' '41 42 0a
 1 2'
t 'hexdump and xxd' 'printf ABC | hexdump -C | head -n 1 | cut -c1-18; printf ABC | xxd -p' '00000000  41 42 43
414243'
t 'md5sum' 'printf abc | md5sum' '900150983cd24fb0d6963f7d28e17f72  -'
t 'sha1sum and sha256sum' 'printf abc | sha1sum | cut -c1-12; printf abc | sha256sum | cut -c1-12' 'a9993e364706
ba7816bf8f01'
t 'sums are checked' 'md5sum people >sums; md5sum -c sums; echo x >>people; md5sum -c sums >/dev/null 2>&1; echo $?; sed -i "\$d" people' 'people: OK
1'
t 'cksum and crc32' 'printf abc | cksum' '1219131554 3'
t 'base64' 'echo hello world | base64; echo aGVsbG8= | base64 -d' 'aGVsbG8gd29ybGQK
hello'
t 'uuencode' 'printf abc | uuencode x | uudecode -o -' 'abc'
t 'diff' 'printf "a\nb\nc\n" >1; printf "a\nB\nc\n" >2; diff 1 2 | grep "^[-+][a-zA-Z]"; diff 1 1 && echo same' '-b
+B
same'
t 'diff and patch' 'diff -u 1 2 >p.diff; patch 1 <p.diff >/dev/null; cmp 1 2 && echo patched' 'patched'
t 'cmp' 'printf abc >x; printf abd >y; cmp x y; echo $?; cmp x x; echo $?' 'x y differ: char 3, line 1
1
0'
t 'comm' 'printf "a\nb\nc\n" >c1; printf "b\nc\nd\n" >c2; comm -12 c1 c2; comm -23 c1 c2' 'b
c
a'
t 'paste' 'printf "1\n2\n" >p1; printf "a\nb\n" >p2f; paste -d- p1 p2f; seq 4 | paste -s -d+' '1-a
2-b
1+2+3+4'
t 'fold and fmt' 'echo abcdefgh | fold -w 3' 'abc
def
gh'
t 'nl' 'printf "a\nb\n" | nl' '     1	a
     2	b'
t 'expand and unexpand' 'printf "a\tb\n" | expand -t 4; printf "        a\n" | unexpand' 'a   b
	a'
t 'tee' 'echo both | tee t1 t2; cat t1 t2' 'both
both
both'
t 'xargs' 'seq 6 | xargs -n 2 echo; echo "a b" | xargs -I{} echo "<{}>"; printf "x y\0z" | xargs -0 -n 1' '1 2
3 4
5 6
<a b>
x y
z'
t 'xargs reports failures' 'echo x | xargs false; echo $?' '123'
t 'split' 'seq 10 | split -l 4 - part; wc -l <partaa; cat partac; cat part* | md5sum | cut -c1-8' '4
9
10
3b0332e0'
t 'strings' 'printf "\001\002text here\003" | strings' 'text here'
t 'basename and dirname' 'basename /a/b/c.txt .txt; dirname /a/b/c.txt' 'c
/a/b'
t 'factor' 'factor 360' '360: 2 2 2 3 3 5'
t 'cal' 'cal 2 2024 | head -n 1 | sed "s/ //g"' 'February2024'
t 'date' 'date -u -d @1000000000 "+%Y-%m-%d %H:%M:%S %a"' '2001-09-09 01:46:40 Sun'
t 'shuf and sort -R keep lines' 'seq 50 | shuf | sort -n | md5sum | cut -c1-8; seq 50 | md5sum | cut -c1-8 | grep -c .' "$(seq 50 | md5sum | cut -c1-8)
1"
t 'large sort' 'seq 1 5000 | sort -r | sort -n | tail -n 1' '5000'
t 'ed' 'printf "one\ntwo\n" >v; printf "2d\nw\nq\n" | ed v; cat v' '8
4
one'

cd / && rm -rf "$d"
finish
