# Sourced by the other scripts: makes .venv in the checkout and brings it to a level - core, train or dev.
# Plain venv and pip are enough; uv is used where it is installed. Once a level stands, no network is needed.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=$root/.venv
mark=$venv/.starling-level

say() { printf '%s\n' "$*" >&2; }

find_python() {
    local python
    for python in "${PYTHON:-}" python3.11 python3.12 python3.13 python3; do
        if [ -n "$python" ] && "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
            printf '%s' "$python"
            return
        fi
    done
    say "error: Starling needs Python 3.11, 3.12 or 3.13 (set PYTHON to one that is not on the path)"
    return 1
}

make_venv() {
    local python
    python=$(find_python) || exit 1
    if command -v uv >/dev/null; then
        uv venv --quiet --seed --clear --python "$(command -v "$python")" "$venv" >&2
        return
    fi
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        # Debian keeps it in a package of its own
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            say "Installing Debian's python3-venv ..."
            apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends python3-venv >&2
        else
            say "error: this Python cannot make virtual environments: install the package python3-venv"
            exit 1
        fi
    fi
    "$python" -m venv --clear "$venv" >&2
}

pip_install() {
    if command -v uv >/dev/null; then
        uv pip install --quiet --python "$venv/bin/python" "$@" >&2
    else
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >&2
    fi
}

# ensure_level core|train|dev: the locks grow from one to the next, so a level holds those before it.
ensure_level() {
    local wanted=$1 have="" have_sum="" sum
    sum=$(cat "$root"/requirements/*.txt "$root/pyproject.toml" | cksum | tr ' ' -)
    [ ! -f "$mark" ] || read -r have have_sum <"$mark" || true
    case "$wanted:$have" in
        core:train | core:dev | train:dev) wanted=$have ;;
    esac
    if [ "$wanted $sum" = "$have $have_sum" ]; then return; fi
    case "$wanted:$have" in
        core:*) say "Setting up Starling in $venv, once: about 40 MB to download, 190 MB on disk ..." ;;
        train:*) say "Bringing the training parts (TensorFlow), once: about 650 MB to download, 2.1 GB on disk ..." ;;
        dev:*) say "Bringing what the tests need (TensorFlow, Spark and tools), once: about 1.2 GB to download, 3 GB on disk ..." ;;
    esac
    [ -x "$venv/bin/python" ] && "$venv/bin/python" -c '' 2>/dev/null || make_venv
    pip_install --require-hashes -r "$root/requirements/$wanted.txt"
    # setuptools is in the lock, so building the project itself needs nothing more
    pip_install --no-deps --no-build-isolation --editable "$root"
    printf '%s %s\n' "$wanted" "$sum" >"$mark"
    say "Ready."
}
