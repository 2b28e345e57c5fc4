"""Which addresses may be asked for keys.

An address that hides another (IPv4 in IPv6, 6to4, Teredo, NAT64) is as good as what it hides.

Source: IANA special-purpose address registries, as `ipaddress` has them, and what it has not, or
not in every release; RFC 6052 (NAT64).
"""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Admits = Callable[[Address], bool]

_NAT64 = IPv6Network("64:ff9b::/96")
_NEVER = tuple(
    map(
        ip_network,
        (
            "192.88.99.0/24",  # relays of 6to4, RFC 7526
            "::/96",  # IPv4-compatible, RFC 4291
            "::ffff:0:0:0/96",  # IPv4-translated, RFC 7915
            "64:ff9b:1::/48",  # translation in one's own network, RFC 8215
            "fec0::/10",  # site-local, RFC 3879
            "3fff::/20",  # documentation, RFC 9637
            "5f00::/16",  # segment routing, RFC 9602
        ),
    )
)


def is_public(address: Address) -> bool:
    return (
        address.is_global
        and not address.is_multicast
        and not any(address in network for network in _NEVER)
        and all(map(is_public, _hidden(address)))
    )


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
