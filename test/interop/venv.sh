#!/usr/bin/env bash
# Makes a Python virtual environment with one release of the real `bittensor` package and prints its interpreter's path.
# Usage: test/interop/venv.sh 10.5.0|11.3.0
#
# Kept in dist/interop, which `npm ci` leaves alone, and made only once. It appears under its name in one rename, so
# several may ask at the same time. On failure the last line on stderr says why; for a quarter of an hour after it nothing
# is tried again, so that several test files without a network wait for it once.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

fail() {
  echo "$*" >&2
  exit 1
}

case "${1:-}" in
  10.5.0) packages=(bittensor==10.5.0 bittensor-wallet==4.1.1) ;;
  11.3.0) packages=(bittensor==11.3.0 bittensor-core==0.1.5) ;;
  *) fail "unknown release \"${1:-}\"" ;;
esac

home="$PWD/dist/interop/bittensor-$1"
python="$home/bin/python"
if [ ! -x "$python" ]; then
  command -v python3 >/dev/null || fail "there is no python3"
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || fail "python3 is older than 3.10"
  mkdir -p dist/interop
  [ -z "$(find "$home.failed" -mmin -15 2>/dev/null)" ] || fail "$(cat "$home.failed")"
  new=$(mktemp -d "$home.XXXXXX") || fail "dist/interop cannot be written"
  trap 'rm -rf "$new"' EXIT
  said=$(python3 -m venv "$new" 2>&1) || fail "python3 -m venv fails; on Debian: apt-get install python3-venv"
  said=$("$new/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --retries 1 --timeout 15 "${packages[@]}" 2>&1) ||
    fail "$(tee "$home.failed" <<<"pip cannot install ${packages[*]}: $(tail -n 1 <<<"$said")")"
  "$new/bin/python" -c 'import bittensor_wallet' 2>/dev/null || "$new/bin/python" -c 'import bittensor_core' 2>/dev/null ||
    fail "the installed packages do not load"
  # Fails if another was quicker, whose environment is as good.
  mv -T "$new" "$home" 2>/dev/null
fi
[ -x "$python" ] && echo "$python"
