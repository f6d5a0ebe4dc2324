# An idle interpreter that becomes a function: it reads one order a line and answers each with `ok`.
echo ok
while read -r order rest; do
  case "$order" in
    code) . "$rest" ;;
    depend) for name in $rest; do command -v "$name" >/dev/null || exit 1; done ;;
    call) handle "$rest" ;;
  esac
  echo ok
done
