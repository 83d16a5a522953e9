# Shared by the scripts of the OS "tiny"; source it.
#
# The disk: boot code in sector 0, a block of settings at byte 4096, one FAT
# partition from 1 MiB on with kernel and initial RAM disk.  The guest reads its
# settings from the block, so no tool that knows FAT is needed to make it one of
# a kind.

SETTINGS_BLOCK=8        # in sectors of 512 bytes
SETTINGS_SECTORS=8

fail() {
    echo "tiny: $*" >&2
    exit 1
}

# The directory of the image: the OS parameter, the system's, or one of this user's own.
cache_directory() {
    if [ -n "${OSP_CACHE:-}" ]; then
        echo "$OSP_CACHE"
    elif mkdir -p /var/cache/ganeti-tiny 2>/dev/null && [ -w /var/cache/ganeti-tiny ]; then
        echo /var/cache/ganeti-tiny
    else
        mine=/var/tmp/ganeti-tiny-$(id -u)
        mkdir -m 700 "$mine" 2>/dev/null || [ -O "$mine" ] || fail "$mine belongs to someone else"
        echo "$mine"
    fi
}

# A value that stays on one line.
line() {
    printf '%s=%s\n' "$1" "$(printf %s "$2" | tr -d '\n')"
}

# write_settings DEVICE: what this instance is called and how it is connected.
write_settings() {
    {
        echo "ganeti-tiny 1"
        line hostname "$INSTANCE_NAME"
        line variant "${OS_VARIANT:-default}"
        line run "${OSP_RUN:-}"
        if [ "${NIC_COUNT:-0}" -gt 0 ]; then
            line ip "${NIC_0_IP:-}"
            line subnet "${NIC_0_NETWORK_SUBNET:-}"
            line gateway "${NIC_0_NETWORK_GATEWAY:-}"
        fi
        echo "end"
    } | dd of="$1" bs=512 seek=$SETTINGS_BLOCK count=$SETTINGS_SECTORS iflag=fullblock conv=notrunc,sync status=none
}
