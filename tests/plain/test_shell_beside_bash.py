"""Compares lines in bash and in our shell: output, errors, exit status, and files."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest

from je_kernel.shell import run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.plain,
    pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash to compare with"),
]

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/home/student",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "USER": "student",
    "COLOUR": "green",
}

# One line, one test.
LINES = r"""
echo hello
echo "two  spaces" and   three
echo -n no newline
echo -e 'a\tb\x41\n'
echo 'single $HOME' "double $HOME" un$HOME
echo a\ b "c\"d" 'e'"'"'f'
echo $COLOUR ${COLOUR} ${COLOUR}ish "${COLOUR}"
echo ${NOSUCH:-default} ${COLOUR:+set} ${NOSUCH-x}end
echo ${COLOUR#g} ${COLOUR%e*} ${#COLOUR} ${COLOUR/e/E} ${COLOUR//e/E}
f=photo.old.png; echo ${f%.*} ${f%%.*} ${f##*.} ${f#*.}
x=5; y=3; echo $((x * y + 1)) $((x / y)) $((x % y)) $((-7 / 2))
x=5; y=3; echo $((2 ** 10)) $((x > y ? 1 : 0)) $((x << 2)) $((!x))
i=0; ((i++)); ((i += 5)); echo $i
a="1 2  3"; echo $a; echo "$a"
echo *.txt
echo *.nosuch
echo data/*.csv
echo ?.txt [ab].txt [!a].txt
echo "*.txt" '*'.txt \*.txt
echo ~ ~/x "~"
echo {a,b,c}.txt {1..5} {a..e} x{1,2}y{3,4} {01..03} {5..1..2} {only} {,x}
echo $(echo inner) `echo back`
echo "$(ls *.txt | head -1)"
echo "$(printf 'a\n\n\n')"end
echo $?
false; echo $?
true && echo yes || echo no
false && echo yes || echo no
false || echo other; echo last
! true; echo $?
! false && echo negated
echo one; echo two;echo three
echo a | cat | cat
echo "pipe | in quotes; and && more"
# only a comment
echo before # after
echo a#b
echo out > new.txt
echo more >> a.txt; cat a.txt
echo x > new.txt && cat < new.txt
cat nosuch 2> err.txt; cat err.txt
cat nosuch a.txt > both.txt 2>&1; cat both.txt
cat nosuch a.txt &> both.txt; cat both.txt
cat nosuch 2>&1 | wc -l
cat nosuch 2>/dev/null
echo err >&2
{ echo one; echo two >&2; } > group.txt
(cd data; pwd | grep -c data); ls | head -2
(exit 3); echo $?
exit 4
echo a; exit; echo b
cat <<< "here $COLOUR"
for i in 1 2 3; do echo -n "$i "; done; echo
for f in *.txt; do echo "$f: $(wc -l < $f)"; done
for i in $(seq 9); do [ $i -eq 3 ] && continue; [ $i -gt 5 ] && break; echo $i; done
for i in a b; do for j in 1 2; do [ $j = 2 ] && continue 2; echo $i$j; done; done
n=3; while [ $n -gt 0 ]; do echo $n; n=$((n-1)); done
n=0; until [ $n -ge 2 ]; do n=$((n+1)); done; echo $n
while read line; do echo "<$line>"; done < words.txt
cat people.csv | while IFS=, read name age city; do echo "$name is $age"; done
if [ -f a.txt ]; then echo file; elif [ -d data ]; then echo folder; else echo none; fi
if [ -d nosuch ]; then echo folder; else echo none; fi
[ -e a.txt ] && [ ! -e nosuch ] && echo ok
[ "$COLOUR" = green ] && echo same; [ "$COLOUR" != red ] && echo other
test 3 -lt 10 -a 2 -ne 3; echo $?
[ -z "" ] && [ -n "x" ] && [ -s a.txt ] && echo texts
case $COLOUR in red) echo r;; gr*|blue) echo gb;; *) echo other;; esac
greet() { echo "hello $1, $# args: $@"; return 2; }; greet Ada Bob; echo $?
f() { local v=inside; echo $v; }; v=outside; f; echo $v
fact() { if [ $1 -le 1 ]; then echo 1; else echo $(( $1 * $(fact $(($1 - 1))) )); fi; }; fact 5
set -- a "b c"; for x in "$@"; do echo "<$x>"; done; for x in $@ "$*"; do echo "<$x>"; done
printf '<%s>' "$@" ""$@ "-$@-"; echo $"plain"
set -- a b c; echo $# $1 $3; shift; echo $@; for x; do echo $x; done
set -e; false; echo not here
set -e; if false; then :; fi; false || true; echo here
set -o pipefail; false | true; echo $?
set -x; echo traced
x=1 env | grep ^x=
export NEW=1; bash -c 'echo $NEW'
UNEXPORTED=1; bash -c 'echo "[$UNEXPORTED]"'
bash -c 'echo $0 $1 $2' name one two
bash script.sh first
sh script.sh; echo $?
chmod +x script.sh; ./script.sh here
. ./script.sh; echo $greeting
source script.sh > out.txt; cat out.txt
eval 'echo evaluated $COLOUR'
unset COLOUR; echo "[$COLOUR]"
printf '%s is %d years, %.2f\n' Ada 36 1.5 Bob 20 2.25
printf 'no newline'; printf '\n%5d|%-5s|%05d\n' 42 ab 7
printf '%s\n' a b c
nosuchprogram
nosuchprogram || echo fallback
pwd | sed 's/.*/here/'
cd data && ls
cd nosuch
cd a.txt
cd data; cd ..; ls a.txt; cd -  > /dev/null; ls
true; false
ls
ls -1
ls -a
ls -A data
ls *.txt
ls -d data *.csv
ls data letters
ls a.txt data
ls nosuch
ls nosuch a.txt
ls -R letters
ls -r
ls -F
ls -p
ls -S *.txt
ls -S -r *.txt words.txt
ls -l data | tr -s ' ' | cut -d' ' -f1,2,3,4,5,9
ls -lh big.txt | cut -d' ' -f5
ls -la empty | wc -l
ls | wc -l
ls | grep txt | sort -r
ls -t | head -1
cat a.txt
cat a.txt b.txt
cat -n words.txt
cat -b blank.txt
cat -s blank.txt
cat -A tabs.tsv
cat nosuch a.txt
cat data
echo in | cat - a.txt
cat < a.txt
tac words.txt
head words.txt
head -n 2 words.txt
head -2 words.txt
head -n2 a.txt words.txt
head -c 5 words.txt
head -n -3 words.txt
head -q -n1 a.txt b.txt
head nosuch
head -n x a.txt
cat big.txt | head -1
yes | head -n 3
yes no | head -2 | tail -1
tail words.txt
tail -n 2 words.txt
tail -1 words.txt
tail -n +3 words.txt
tail +4 words.txt
tail -c 4 words.txt
tail -n 1 a.txt b.txt
wc words.txt
wc -l words.txt
wc -w a.txt words.txt
wc -c < words.txt
wc -m accents.txt
wc -L words.txt
cat words.txt | wc
wc -l *.txt
wc nosuch a.txt
wc -l
sort words.txt
sort -r words.txt
sort -n numbers.txt
sort -nr numbers.txt
sort -u words.txt
sort -f mixed.txt
sort -t, -k2 -n people.csv
sort -t, -k2,2nr people.csv
sort -t , -k 3,3 -k 2,2n people.csv
sort -k2 table.txt
sort -h sizes.txt
sort -V versions.txt
sort nosuch
sort words.txt -o sorted.txt; cat sorted.txt
sort numbers.txt | head -2
uniq words.txt
sort words.txt | uniq -c
sort words.txt | uniq -d
sort words.txt | uniq -u
sort words.txt | uniq -c | sort -rn | head -2
uniq -i mixed.txt
cut -d, -f1 people.csv
cut -d, -f2,3 people.csv
cut -d , -f 2- people.csv
cut -c1-3 words.txt
cut -c 2 words.txt
cut -f2 tabs.tsv
cut -d: -f1 words.txt
cut -d: -s -f1 words.txt
cut -d, -f1,3 --output-delimiter=' ' people.csv
cut words.txt
tr a-z A-Z < words.txt
echo hello | tr -d l
echo "a  b   c" | tr -s ' '
echo hello | tr '[:lower:]' '[:upper:]'
echo 'a,b,c' | tr ',' '\n'
echo abc123 | tr -cd '0-9'
echo hello world | tr -s ' ' '\n'
tee copy.txt < a.txt
echo x | tee -a a.txt b.txt
nl words.txt
rev words.txt
paste a.txt b.txt
paste -d, a.txt b.txt
paste -s -d+ numbers.txt
seq 5
seq 2 4
seq 1 2 9
seq -s, 3
seq -w 8 10
seq 0 0.5 2
seq 5 -2 1
seq 3 -1
grep berry words.txt
grep nosuch words.txt
grep -c berry words.txt
grep -n berry words.txt
grep -i APPLE words.txt mixed.txt
grep -v berry words.txt
grep -l berry *.txt
grep -L berry *.txt
grep -o 'b.r' words.txt
grep -w an article.txt
grep -x apple words.txt
grep -h a a.txt words.txt
grep -H apple words.txt
grep -E 'apple|cherry' words.txt
grep 'apple\|cherry' words.txt
grep -E '^.{5}$' words.txt
grep '^b' words.txt
grep 'y$' words.txt
grep 'a*b+' words.txt
grep -e apple -e cherry words.txt
grep -F 'a.b' words.txt dots.txt
grep '[[:digit:]]' dots.txt
grep '[0-9]\{2,\}' dots.txt
grep '\.' dots.txt
grep -P '\d+' dots.txt
grep -A1 apple words.txt
grep -B 1 cherry words.txt
grep -C1 -n banana words.txt
grep -m1 berry words.txt
grep -q berry words.txt && echo found
grep -rl school letters | sort
grep -r school letters | sort
grep -ri SCHOOL --include='*.txt' . | sort
grep x nosuch
grep -s x nosuch; echo $?
grep school letters
grep -c ">" dots.txt
grep '' a.txt
echo text | grep t
cat words.txt | grep -v a | wc -l
grep -on a words.txt
egrep 'a(p|n)' words.txt
sed 's/a/A/' words.txt
sed 's/a/A/g' words.txt
sed -n '2p' words.txt
sed -n '2,4p' words.txt
sed '1d' people.csv
sed '$d' words.txt
sed '/berry/d' words.txt
sed -n '/b/,/c/p' words.txt
sed -e 's/a/1/' -e 's/b/2/' words.txt
sed 's/\(.*\),\(.*\),\(.*\)/\3 \1/' people.csv
sed -E 's/([a-z]+),([0-9]+)/\2-\1/I' people.csv
sed 's|/|-|g; s/x/y/2' dots.txt
sed 's/.*/[&]/' a.txt
sed -i 's/one/ONE/' a.txt; cat a.txt
sed -i.bak 's/one/ONE/' a.txt; cat a.txt a.txt.bak
sed 'y/abc/xyz/' words.txt
sed 2q words.txt
sed '2i\inserted' words.txt
sed '$a last' words.txt
sed = a.txt
sed -n '$=' words.txt
sed '2~2d' words.txt
sed '2!d' words.txt
mkdir new; ls -d new
mkdir data
mkdir -p x/y/z; find x
mkdir x/y
mkdir -v one two
mkdir -p data results && cp a.txt results/ && ls results
rmdir empty; ls
rmdir data
rmdir nosuch
touch new.txt; ls new.txt
touch -c nosuch2.txt; ls
touch nosuch/x
cp a.txt copy.txt
cp a.txt data
cp a.txt b.txt data/
cp a.txt nosuch/
cp data copied
cp -r data copied; find copied | sort
cp -r data letters; find letters | sort
cp -v a.txt c.txt
cp nosuch x
cp a.txt b.txt nosuch
cp a.txt a.txt
cp -n a.txt b.txt; cat b.txt
cp a.txt
cp
cp -R letters/. flat; ls flat
mv a.txt renamed.txt
mv a.txt data/; ls data
mv a.txt b.txt data
mv data moved; ls moved
mv data letters; ls letters
mv nosuch x
mv a.txt b.txt; cat b.txt
mv -v a.txt z.txt
mv a.txt b.txt nosuch
mv -n a.txt b.txt; ls
mv data data/inner
rm a.txt
rm nosuch
rm -f nosuch
rm data
rm -r data; ls
rm -rf data letters nosuch; ls
rm -v a.txt b.txt
rm *.csv; ls
rm -d empty
rm -rv empty
rm
find letters | sort
find . -name '*.txt' | sort
find . -iname '*.TXT' -type f | sort
find . -type d | sort
find . -maxdepth 1 -name 'a*' | sort
find . -mindepth 2 | sort
find letters -name '*.txt' -o -name '*.md' | sort
find . -not -name '*.txt' -type f | sort
find . -empty | sort
find . -size +1k -type f | sort
find . -path './data/*' | sort
find data -name '*.csv' -delete; ls data
find data -name '*.csv' -exec basename {} \; | sort
find . -maxdepth 1 -name '*.csv' -exec wc -l {} +
find nosuch
find data letters -name '*1*' | sort
find . -name a.txt -print0 | xargs -0 cat
basename /x/y/photo.png .png
basename data/
dirname /x/y/z.txt; dirname z.txt; dirname /x
realpath a.txt | xargs basename
ls *.txt | xargs wc -l
echo a b c | xargs -n1 echo item
echo a.txt | xargs -I{} cp {} {}.bak; ls *.bak
echo "1 2 3" | xargs
du -a nosuch
md5sum a.txt
sha256sum a.txt b.txt
which nosuchprogram; echo $?
type cd
command -v nosuch; echo $?
date +%Y | wc -c
date -d 2026-01-31 +%d/%m/%Y
date -u -d @0 '+%F %T'
sleep 0.01; echo awake
env -i A=1 B=2 env
env | grep COLOUR
tar -cf t.tar data; tar -tf t.tar | sort
tar -czf t.tar.gz a.txt b.txt && tar -tzf t.tar.gz
tar czf t.tgz data letters; tar tzf t.tgz | sort
tar -xf packed.tar; ls packed
tar xvf packed.tar
tar -xf packed.tar -C data; ls data
tar -xf packed.tar packed/one.txt; ls packed
tar -xf nosuch.tar 2>/dev/null; echo $?
tar -cvf t.tar a.txt b.txt
tar --exclude='*.csv' -cf t.tar data; tar tf t.tar
tar -xf packed.tar --strip-components=1; cat one.txt
gzip a.txt; ls a*
gzip -k a.txt; gunzip -c a.txt.gz
gzip -c a.txt | gunzip
gunzip nosuch.gz
unzip packed.zip
unzip -q packed.zip; ls packed
unzip -q -o packed.zip && unzip -qo packed.zip && ls packed
unzip -l packed.zip
unzip -q packed.zip -d out; find out | sort
unzip -p packed.zip packed/one.txt
unzip -j -q packed.zip; ls *.txt
unzip -q packed.zip 'packed/o*'; ls packed
zip new.zip a.txt b.txt
zip -r -q new.zip data; unzip -l new.zip | tail -1 | cut -c 30-
zip -q new.zip nosuch a.txt; ls new.zip
zip new.zip nosuch a.txt
echo "a b" > "my file.txt"; cat "my file.txt"; ls
for f in my*; do echo $f; done
x=$(cat a.txt); echo "$x" | wc -l
echo $(cat words.txt)
if grep -q apple words.txt; then echo yes; fi
ls data/*.csv | while read f; do basename $f .csv; done
echo $((10#08 + 1)) $((0x1F)) $((017))
echo "${COLOUR}" ${COLOUR:?} ${NOSUCH:=assigned} $NOSUCH
echo $'tab\there'
true | false; echo $?
echo a | while read x; do y=$x; done; echo "[$y]"
{ echo a; echo b; } | tac
echo start; (echo sub; exit 1) || echo failed
cat words.txt | sort | uniq -c | sort -k1,1nr -k2 | head -3 > top.txt; cat top.txt
"""

# Several lines, as in a %%bash cell.
SCRIPTS = [
    'echo "in bash"\nfor i in 1 2 3; do echo -n "$i "; done\necho\n',
    'for f in letters/*.txt; do\n  echo "$f: $(wc -w < $f) words"\ndone\n',
    "cat <<EOF > made.txt\nname: $COLOUR\n$(echo computed)\nEOF\ncat made.txt\n",
    "cat <<'EOF'\n$COLOUR stays\nEOF\necho after\n",
    "if true\nthen\n  echo a\nelse\n  echo b\nfi\n",
    "greet() {\n  echo hello $1\n}\ngreet a\ngreet b | tr a-z A-Z\n",
    "ls |\n  head -2 &&\n  echo done\n",
    "echo one \\\n  two\n",
    "set -e\nmkdir -p out\ncd out\ntouch a b\nls\n",
    "#!/bin/bash\n# a comment\ntotal=0\nfor n in $(cat numbers.txt); do\n"
    "  total=$((total + n))\ndone\necho $total\n",
    "case a.txt in\n  *.txt)\n    echo text\n    ;;\n  *)\n    echo other\nesac\n",
    'while read -r name age; do\n  echo "$name:$age"\ndone <<END\nAda 36\nBob 20\nEND\n',
]

CASES = [*LINES.strip().splitlines(), *SCRIPTS]

# Commands whose error messages differ in words.
OTHER_WORDS = re.compile(r"^(cp a.txt$|cp$|rm$|cut words|gunzip nosuch|tar |zip |du )")


def lay_out(folder: Path) -> None:
    files = {
        "a.txt": "one\ntwo\n",
        "b.txt": "three\n",
        "words.txt": "banana\napple\nblueberry\ncherry\napple\nelderberry\n",
        "mixed.txt": "banana\nApple\napple\nCherry\n",
        "numbers.txt": "10\n9\n2\n33\n1\n",
        "sizes.txt": "10K\n2M\n512\n1G\n",
        "versions.txt": "v1.10\nv1.2\nv1.9\n",
        "people.csv": "Ada,36,London\nGrace,85,New York\nAlan,41,London\n",
        "tabs.tsv": "a\tb\tc\n1\t2\t3\n",
        "table.txt": "x 3\ny 1\nz 2\n",
        "blank.txt": "a\n\n\n\nb\n",
        "article.txt": "an apple and another\nbanana\n",
        "dots.txt": "a.b\naxb\n> 12 x/x\n123 xx\n",
        "accents.txt": "çà été\n",
        "big.txt": "line of a big file\n" * 5000,
        "script.sh": '#!/bin/bash\ngreeting="hi $1"\necho $greeting\n',
        ".hidden": "secret\n",
        "data/one.csv": "x,y\n1,2\n",
        "data/two.csv": "x,y\n3,4\n",
        "letters/letter_01.txt": "Dear school\n",
        "letters/letter_02.txt": "Dear sun and moon\n",
        "letters/more/notes.md": "the school again\n",
        "my notes.md": "# Notes\n",
    }
    (folder / "empty").mkdir()
    (folder / "flat").mkdir()
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    stamp = 1_760_000_000
    with zipfile.ZipFile(folder / "packed.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (
            ("packed/", ""),
            ("packed/one.txt", "one " * 50),
            ("packed/two.txt", "2"),
        ):
            info = zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6))
            kind = zipfile.ZIP_DEFLATED if len(text) > 50 else zipfile.ZIP_STORED
            info.external_attr = (0o40755 << 16 | 0x10) if name.endswith("/") else 0o100644 << 16
            archive.writestr(info, text, kind)
    source = folder / "packed"
    source.mkdir()
    (source / "one.txt").write_text("packed one\n")
    (source / "two.txt").write_text("packed two\n")
    subprocess.run(["tar", "-cf", "packed.tar", "packed"], cwd=folder, check=True)
    shutil.rmtree(source)
    for i, path in enumerate(sorted(folder.rglob("*"))):
        os.utime(path, (stamp + i, stamp + i))


def tree(folder: Path) -> dict[str, bytes | None]:
    return {
        # Archives contain the time.
        str(path.relative_to(folder)): None
        if path.is_dir() or path.suffix in (".tar", ".gz", ".tgz", ".zip")
        else path.read_bytes()
        for path in folder.rglob("*")
    }


def words(message: bytes) -> str:
    text = message.decode().replace("\N{LEFT SINGLE QUOTATION MARK}", "'")
    text = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    text = re.sub(
        r"^(bash|[.\w/]*script\.sh|sh|environment): line \d+: ", "bash: ", text, flags=re.MULTILINE
    )
    return re.sub(r"^Try '.*' for more information\.\n", "", text, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("beside")
    lay_out(folder)
    return folder


@pytest.mark.parametrize("line", CASES)
def test_a_line_is_the_same_as_in_bash(line, laid_out, tmp_path):
    theirs, ours = tmp_path / "bash" / "work", tmp_path / "ours" / "work"
    for folder in (theirs, ours):
        shutil.copytree(laid_out, folder, copy_function=shutil.copy2)
    if any(name in line for name in ("zip ", "unzip ")) and shutil.which("zip") is None:
        pytest.skip("this machine has no zip to compare with")
    expected = subprocess.run(
        ["bash", "-c", line], cwd=theirs, env=ENVIRONMENT, capture_output=True, timeout=20,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    out, err = bytearray(), bytearray()
    status = run(line, out.extend, err.extend, cwd=str(ours), env=ENVIRONMENT)
    assert bytes(out).decode() == expected.stdout.decode()
    assert status == expected.returncode
    assert tree(ours) == tree(theirs)
    if OTHER_WORDS.match(line):
        assert bool(err) == bool(expected.stderr)
    else:
        assert words(bytes(err)) == words(expected.stderr)


# A blank in a piece is written as _.
PIECES = r"""
a b.txt ${x} "$x" '$x' * ? [ab] {1,2} {a..c} $(echo_a_b) `echo_c` $((n+1)) "a_b" ${x:-d} ${e:-d_e}
"${e:-d_e}" ${e:+f} "$e" ${g} "$g" "" '' / sub/* "\$x" ${#x} ${x%q} ${x#p} "$(echo_q_r)" # = }
"*" "$@" "-$@-" $# "$*" a{1,"2_3"}b é ! $'\t' , -n {,} $(printf_"%s\n"_1_2) ${e} @ % ^ + :
"""
QUIET = ["true", "false", "(exit 3)", ":", "! true", '[ "$x" = p ]', "x=new", 'set -- k "l m"']
ENDS = ["cat", "tr a-z A-Z", "wc -c", "sort", 'while read l; do echo "[$l]"; done', "(cat; exit 2)"]


class RandomLines:
    """Random lines of the shell language, the same in every run."""

    def __init__(self, seed):
        self.choose = random.Random(seed)
        self.pieces = PIECES.split()

    def words(self):
        def word():
            return "".join(
                self.choose.choice(self.pieces) for _ in range(self.choose.randint(1, 4))
            )

        return " ".join(word() for _ in range(self.choose.randint(0, 4))).replace("_", " ")

    def line(self, depth=0):
        one, other = (lambda: self.line(depth + 1)), self.choose.choice
        forms = [
            lambda: other(QUIET),
            lambda: f"{one()}{other([' && ', ' || ', '; '])}{one()}",
            lambda: f"{one()} | {other(ENDS)}",
            lambda: f"{{ {one()}; }}",
            lambda: f"( {one()} )",
            lambda: f"for i in {self.words()}; do printf '%s,' \"$i\"; {one()}; done",
            lambda: f"if {one()}; then {one()}; else {one()}; fi",
            lambda: f"case a$x in {other(['a*', '?', '[a-c]*'])}) {one()};; *) echo no;; esac",
            lambda: f'f() {{ {one()}; return 4; }}; f 1 "2 3"; echo $?',
            lambda: f"{one()}{other([' > out; cat out', ' 2>&1', ' > /dev/null'])}",
        ]
        if depth > 2 or self.choose.random() < 0.45:
            return f"printf '<%s>' {self.words()}"
        return other(forms)()


def test_random_lines_are_the_same_as_in_bash(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("a", "ab", "b.txt", "c d", "sub/x"):
        (tmp_path / name).touch()
    environment = {**ENVIRONMENT, "x": "p  q", "e": "", "g": "*", "n": "3"}
    lines = RandomLines(2026)
    differing = []
    for _ in range(200):
        line = lines.line()
        (tmp_path / "out").unlink(missing_ok=True)
        expected = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        (tmp_path / "out").unlink(missing_ok=True)
        out, err = bytearray(), bytearray()
        status = run(line, out.extend, err.extend, cwd=str(tmp_path), env=environment)
        theirs = (expected.returncode, expected.stdout)
        if "syntax error" not in expected.stderr.decode() and (status, bytes(out)) != theirs:
            differing.append((line, bytes(out), theirs))
    assert differing == []
