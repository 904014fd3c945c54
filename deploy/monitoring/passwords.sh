#!/bin/sh
# Makes passwords for the servers of the profiles `monitoring` and `logging`, each readable by its reader only. What is
# there is never changed. Runs as root in an image with busybox, without a network.
#
#   passwords.sh FILE:UID...    128 random bits, as 32 hexadecimal digits, for each FILE that is missing
#   passwords.sh FILE=OTHER:UID a copy of OTHER, for a second reader
set -eu
umask 077

for wanted in "$@"; do
    reader=${wanted##*:}
    file=${wanted%:*}
    other=
    case $file in
    *=*)
        other=${file#*=}
        file=${file%%=*}
        ;;
    esac
    if ! [ -s "$file" ]; then
        mkdir -p "${file%/*}"
        if [ -n "$other" ]; then
            cat "$other" >"$file.new"
        else
            od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$file.new"
        fi
        # Last and in one step: a file of this name is always whole.
        mv "$file.new" "$file"
        echo "passwords: made $file"
    fi
    chown "$reader" "$file" "${file%/*}"
    chmod 400 "$file"
    chmod 500 "${file%/*}"
done
