# The usage of the scripts in .ci and bench; to be sourced by bash, before the folder is changed.
# shellcheck shell=bash

usage_of=$(realpath "$0")

# Prints the head of the script and ends: with 0 after --help, and with 2 after an argument that the script does not know.
usage() {
    local text
    text=$(sed -n '2,/^[^#]/{/^# shellcheck /d;/^#/s/^# \{0,1\}//p}' "$usage_of")
    case $1 in
    -h | --help)
        echo "$text"
        exit
        ;;
    esac
    printf '%s: unknown argument %s\n\n%s\n' "${0##*/}" "$1" "$text" >&2
    exit 2
}
