"""Parameters as the command line gives them (texts, true, false, null) turned into the types they have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ganeti_tw.cli.values import boolean, size_mib
from ganeti_tw.errors import BadRequest

RESET = "default"
"""A value that stands for the inherited one, in any case of letters."""

_HYPERVISOR_BOOL = """
    acpi pae serial_console spice_playback_compression spice_use_tls spice_use_vdagent use_bootloader use_chroot
    use_guest_agent use_localtime user_shutdown vhost_net viridian vnc_tls vnc_x509_verify vnet_hdr
"""
_HYPERVISOR_INT = """
    cpu_cap cpu_cores cpu_sockets cpu_threads cpu_weight kvm_pci_reservations migration_bandwidth migration_downtime
    migration_port num_ttys serial_speed spice_ip_version startup_timeout virtio_net_queues
"""
_HYPERVISOR_TEXT = """
    blockdev_prefix boot_order bootloader_args bootloader_path cdrom2_image_path cdrom_disk_type cdrom_image_path
    cpu_mask cpu_type cpuid device_model devices disk_aio disk_cache disk_discard disk_type drop_capabilities
    extra_cgroups extra_config floppy_image_path init_script initrd_path kernel_args kernel_path keymap kvm_extra
    kvm_flag kvm_path machine_version mem_path migration_caps migration_mode nic_type pci_pass reboot_behavior
    root_path scsi_controller_type security_domain security_model soundhw spice_bind spice_image_compression
    spice_jpeg_wan_compression spice_password_file spice_streaming_video spice_tls_ciphers
    spice_zlib_glz_wan_compression usb_devices usb_mouse vga vif_script vif_type vnc_bind_address vnc_password_file
    vnc_x509_path xen_cmd
"""


def _typed(names: str, kind: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), kind)


BACKEND = {
    **_typed("maxmem minmem memory", "size"),
    **_typed("vcpus spindle_use", "int"),
    **_typed("auto_balance always_failover", "bool"),
}
HYPERVISOR = {
    **_typed(_HYPERVISOR_BOOL, "bool"),
    **_typed(_HYPERVISOR_INT, "int"),
    **_typed(_HYPERVISOR_TEXT, "text"),
}
NIC_DEFAULTS = _typed("link mode vlan", "text")
NIC = {**NIC_DEFAULTS, **_typed("bridge ip mac name network", "text")}
NODE = {
    "cpu_speed": "float",
    **_typed("exclusive_storage ovs", "bool"),
    **_typed("oob_program ovs_link ovs_name", "text"),
    **_typed("spindle_count ssh_port", "int"),
}
DISK_TEMPLATES: dict[str, dict[str, str]] = {
    "blockdev": {},
    "diskless": {},
    "drbd": {
        **_typed("c-delay-target c-fill-target c-max-rate c-min-rate c-plan-ahead", "int"),
        **_typed("data-stripes meta-stripes resync-rate", "int"),
        **_typed("dynamic-resync meta-barriers", "bool"),
        **_typed("disk-barriers disk-custom metavg net-custom protocol", "text"),
    },
    "ext": _typed("access", "text"),
    "file": {},
    "gluster": _typed("access host volume", "text") | _typed("port", "int"),
    "plain": _typed("stripes", "int"),
    "rbd": _typed("access pool", "text"),
    "sharedfile": {},
}
HYPERVISOR_STATE = _typed("cpu_node cpu_total mem_hv mem_node mem_total", "int")
DISK_STATE = _typed("disk_overhead disk_reserved disk_total", "int")

Named = tuple[str, dict[str, Any] | bool | None]
"""A name and its parameters, as :func:`ganeti_tw.cli.values.named_key_values` gives them."""


def _text(value: Any) -> str:
    if isinstance(value, bool):
        if value:
            raise ValueError("a value is missing")
        return ""
    return str(value)


def _bool(value: Any) -> bool:
    return value if isinstance(value, bool) else boolean(value)


def _number(of: Callable[[str], Any], what: str) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if isinstance(value, bool):
            raise ValueError("a value is missing" if value else f"it needs {what}")
        try:
            return of(value)
        except ValueError:
            raise ValueError(f"'{value}' is not {what}") from None

    return convert


def _size(value: Any) -> int:
    if isinstance(value, bool):
        raise ValueError("it needs a size")
    return size_mib(value)


_CONVERT: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "bool": _bool,
    "int": _number(int, "a whole number"),
    "float": _number(float, "a number"),
    "size": _size,
}


def typed(given: Mapping[str, Any], types: Mapping[str, str], what: str) -> dict[str, Any]:
    """The parameters with their types; null and ``default`` stay as they are.

    BadRequest names the parameter (``what`` says whose) that is unknown or has a wrong value.
    """
    result = {}
    for key, value in given.items():
        kind = types.get(key)
        if kind is None:
            raise BadRequest(f"there is no {what} called {key}")
        if value is None or (isinstance(value, str) and value.lower() == RESET):
            result[key] = value if value is None else RESET
            continue
        try:
            result[key] = _CONVERT[kind](value)
        except ValueError as e:
            raise BadRequest(f"{what} {key}: {e}") from None
    return result


def backend(given: Mapping[str, Any]) -> dict[str, Any]:
    return typed(given, BACKEND, "backend parameter")


def hypervisor(given: Mapping[str, Any]) -> dict[str, Any]:
    """Hypervisor parameters; blanks between USB devices become the commas the hypervisor wants."""
    result = typed(given, HYPERVISOR, "hypervisor parameter")
    devices = result.get("usb_devices")
    if isinstance(devices, str):
        result["usb_devices"] = devices.replace(" ", ",")
    return result


def node(given: Mapping[str, Any]) -> dict[str, Any]:
    return typed(given, NODE, "node parameter")


def by_name(
    given: Sequence[Named], convert: Callable[[str, Mapping[str, Any]], dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """The parameters of an option that may be repeated, by the name before the colon."""
    found: dict[str, dict[str, Any]] = {}
    for name, values in given:
        if not isinstance(values, dict):
            raise BadRequest(f"{name}: key=value pairs are expected, it cannot be taken away here")
        found.setdefault(name, {}).update(convert(name, values))
    return found


def disk_templates(given: Sequence[Named]) -> dict[str, dict[str, Any]]:
    """Parameters of disks by template."""
    return by_name(given, _of_template)


def _of_template(template: str, values: Mapping[str, Any]) -> dict[str, Any]:
    types = DISK_TEMPLATES.get(template)
    if types is None:
        raise BadRequest(f"there is no disk template called {template}")
    return typed(values, types, f"parameter of {template} disks")


def hypervisor_state(given: Sequence[Named]) -> dict[str, dict[str, Any]]:
    """State parameters by hypervisor."""
    return by_name(given, lambda name, values: typed(values, HYPERVISOR_STATE, f"{name} state parameter"))


def disk_state(given: Sequence[Named]) -> dict[str, dict[str, dict[str, Any]]]:
    """State parameters by kind of storage and name, which are given as ``KIND/NAME``."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for path, values in by_name(given, lambda path, v: typed(v, DISK_STATE, f"{path} state parameter")).items():
        kind, _, name = path.partition("/")
        if not kind or not name:
            raise BadRequest(f"'{path}' does not name storage: write KIND/NAME, like plain/xenvg")
        found.setdefault(kind, {})[name] = values
    return found
