"""Which addresses may be asked for keys.

An address that hides another (IPv4 in IPv6, 6to4, Teredo, NAT64) is as good as what it hides.

Source: IANA special-purpose address registries, as `ipaddress` has them; RFC 6052 (NAT64).
"""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Admits = Callable[[Address], bool]

_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    return address.is_global and not address.is_multicast and all(map(is_public, _hidden(address)))


def is_local(address: Address) -> bool:
    """Whether it is one of this machine."""
    return address.is_loopback


def anywhere(_address: Address) -> bool:
    return True


def _hidden(address: Address) -> list[IPv4Address]:
    """The addresses that packets to this one may end at."""
    if isinstance(address, IPv4Address):
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        found.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    return [each for each in found if each is not None]
