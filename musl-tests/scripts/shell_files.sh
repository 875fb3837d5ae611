# File tools: copying, finding, packing.
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
umask 022

t 'touch and ls' 'touch b a; ls' 'a
b'
t 'mkdir -p' 'mkdir -p x/y/z && ls -d x/y/z' 'x/y/z'
t 'ls -l' 'echo hello >f; chmod 640 f; ls -l f | cut -c1-10; ls -l f | tr -s " " | cut -d" " -f5' '-rw-r-----
6'
t 'ls -a, -R, -1, -F' 'ls -a x/y; ls -RF x | head -n 2; ln -s f link; ls -l link | sed "s/.* link/link/"' '.
..
z
x:
y/
link -> f'
t 'cp' 'cp f g && cmp f g && cp -r x x2 && ls x2/y' 'z'
t 'cp -a keeps mode, time and links' 'touch -d "2001-02-03 04:05:06" f; cp -a f h; stat -c "%a %y" h | cut -c1-23; cp -a link l2; readlink l2' '640 2001-02-03 04:05:06
f'
t 'mv' 'mv g moved && ls g moved 2>/dev/null; mv moved x/ && ls x' 'moved
moved
y'
t 'rm' 'rm h && rm -r x2 && ls -d h x2 2>/dev/null; rm nofile 2>/dev/null; echo $?; rm -f nofile; echo $?' '1
0'
t 'rmdir' 'rmdir x 2>/dev/null; echo $?; rm x/moved; rmdir -p x/y/z; ls -d x 2>/dev/null' '1
[status 1]'
t 'ln' 'ln f hard; stat -c %h f; ln -sf hard link; readlink link; readlink -f link | sed "s,.*/,,"' '2
hard
hard'
t 'chmod symbolic' 'touch m; chmod u=rwx,go= m; stat -c %a m; chmod a+r,u-x m; stat -c %a m; chmod 4755 m; ls -l m | cut -c1-10' '700
644
-rwsr-xr-x'
t 'chown' 'if [ $(id -u) = 0 ]; then chown 12:34 m; stat -c %u:%g m; else echo 12:34; fi' '12:34'
t 'stat' 'stat -c "%s %F" f; stat -c %F . /dev/null link' '6 regular file
directory
character special file
symbolic link'
t 'touch -d and -r' 'touch -d @86400 t1; touch -r t1 t2; stat -c %Y t1 t2; [ f -nt t1 ] && echo newer' '86400
86400
newer'
t 'truncate' 'truncate -s 10000 tr; stat -c %s tr; truncate -s 5 tr; stat -c %s tr' '10000
5'
t 'mktemp' 'a=$(mktemp /tmp/shXXXXXX) && [ -f $a ] && rm $a && a=$(mktemp -d) && [ -d $a ] && rmdir $a && echo both' 'both'
t 'install' 'install -m 751 -D f in/st/all; stat -c %a in/st/all' '751'
t 'mkfifo and mknod' 'mkfifo ff; stat -c %F ff; mknod np p; [ -p np ] && echo pipe' 'fifo
pipe'
t 'realpath' 'mkdir -p q/w; realpath q/w/../w/. | sed "s,.*/\(.*/.*\),\1,"' 'q/w'
t 'pwd and cd' 'cd q/w; pwd | sed "s,.*/q,q,"; cd ..; pwd | sed "s,.*/,,"; cd - | sed "s,.*/,,"' 'q/w
q
w'

mkdir -p tree/a/b tree/c
for i in 1 2 3 4; do echo "file $i" >tree/a/$i.txt; done
echo bin >tree/c/prog
chmod 755 tree/c/prog
head -c 5000 /dev/zero >tree/c/big
ln -s ../a/1.txt tree/c/sym
t 'find' 'find tree -name "*.txt" | sort' 'tree/a/1.txt
tree/a/2.txt
tree/a/3.txt
tree/a/4.txt'
t 'find -type' 'find tree -type d | sort | tr "\n" " "; find tree -type l' 'tree tree/a tree/a/b tree/c tree/c/sym'
t 'find -size, -perm, -newer, -maxdepth' 'find tree -size +4k -type f; find tree -type f -perm -100; find tree -maxdepth 1 | wc -l; find tree -newer t1 -name prog' 'tree/c/big
tree/c/prog
3
tree/c/prog'
t 'find -exec' 'find tree/a -name "[12].txt" -exec cat {} \; | sort; find tree -name "*.txt" -exec echo {} + | wc -w' 'file 1
file 2
4'
t 'find -prune, -o, ! and -empty' 'find tree -name a -prune -o -type f -print | sort; find tree -type d -empty; find tree/c ! -name big -type f' 'tree/c/big
tree/c/prog
tree/a/b
tree/c/prog'
t 'find -delete' 'cp -r tree gone; find gone -delete; ls -d gone 2>/dev/null; echo $?' '1'
t 'find | xargs' 'find tree -name "*.txt" -print0 | xargs -0 cat | sort | head -n 1' 'file 1'
t 'du' 'du -s tree >/dev/null && du -ab tree 2>/dev/null | grep -c txt || du -a tree | grep -c txt' '4'

sum=$(cd tree && find . -type f -exec md5sum {} + | sort | md5sum)
t 'tar' 'tar cf t.tar tree && tar tf t.tar | wc -l; mkdir o1 && tar xf t.tar -C o1 && cd o1/tree && find . -type f -exec md5sum {} + | sort | md5sum' "11
$sum"
t 'tar keeps modes and links' 'stat -c %a o1/tree/c/prog; readlink o1/tree/c/sym' '755
../a/1.txt'
t 'tar czf' 'tar czf t.tgz tree && mkdir o2 && tar xzf t.tgz -C o2 && cd o2/tree && find . -type f -exec md5sum {} + | sort | md5sum' "$sum"
t 'tar through a pipe' 'mkdir o3; tar cf - tree | tar xf - -C o3; diff -r tree o3/tree && echo equal' 'equal'
t 'tar: one member' 'tar xOf t.tar tree/a/3.txt' 'file 3'
t 'gzip' 'cp f z; gzip z && ls z* && gunzip z.gz && cmp f z && echo same' 'z.gz
same'
t 'gzip: megabytes' 'seq 1 150000 | gzip | gunzip | md5sum | cut -c1-8' "$(seq 1 150000 | md5sum | cut -c1-8)"
t 'zcat' 'echo text | gzip >x.gz; zcat x.gz' 'text'
t 'gzip: damage is noticed' 'printf "\037\213garbage" | gunzip >/dev/null 2>&1; [ $? != 0 ] && echo refused' 'refused'
t 'bzip2' 'seq 1 3000 | bzip2 | bunzip2 | md5sum | cut -c1-8' "$(seq 1 3000 | md5sum | cut -c1-8)"
t 'cpio' 'cd tree && find . | cpio -o -H newc 2>/dev/null >../t.cpio; cd .. && mkdir o4 && cd o4 && cpio -id <../t.cpio 2>/dev/null; diff -r ../tree . && echo equal' 'equal'
t 'dd' 'dd if=f of=g bs=1 skip=1 count=3 2>/dev/null; cat g; echo; printf XX | dd of=g bs=1 seek=1 conv=notrunc 2>/dev/null; cat g' 'ell
eXX'
t 'dd counts' 'dd if=/dev/zero of=/dev/null bs=512 count=7 2>&1 | head -n 2' '7+0 records in
7+0 records out'
t 'sparse files' 'dd if=/dev/zero of=sp bs=1 count=1 seek=1M 2>/dev/null; stat -c %s sp' '1048577'
t '/dev/urandom' 'head -c 1000 /dev/urandom >r1; head -c 1000 /dev/urandom >r2; stat -c %s r1; cmp -s r1 r2; echo $?' '1000
1'
t '/dev/full' 'echo x >/dev/full' "sh: write error: No space left on device
[status 1]"
t 'a removed directory' 'mkdir rd; cd rd; rmdir ../rd; ls; touch x 2>/dev/null; echo $?' '1'
t '300 files' 'mkdir many; for i in $(seq 300); do echo $i >many/$i; done; ls many | wc -l; cat many/* | wc -l; rm -r many; ls -d many 2>/dev/null' '300
300
[status 1]'
t 'deep directories' 'p=deep; for i in $(seq 40); do p=$p/d; done; mkdir -p $p; find deep | wc -l; rm -r deep; ls -d deep 2>/dev/null' '41
[status 1]'
t 'an unlinked file in use' 'exec 7>used; rm used; echo gone >&7; cat /proc/self/fd/7 2>/dev/null; exec 7>&-; ls used 2>/dev/null' 'gone
[status 1]'
t 'file names with blanks' 'echo x >"a  b"; for i in a*b; do cat "$i"; done; ls "a  b"' 'x
a  b'
t 'which' 'which nosuchthing; echo $?' '1'

cd / && rm -rf "$d"
finish
