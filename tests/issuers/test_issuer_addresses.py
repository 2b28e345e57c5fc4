from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.issuers.addresses import is_local, is_public


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.16.0.1",
        "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.1",
        "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
        "2002:7f00:1::", "2002:a9fe:a9fe::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "2001:0:7f00:1::",
        "192.88.99.1", "64:ff9b:1::1", "64:ff9b:1:ffff::a00:1", "fec0::1", "feff::1", "::a9fe:a9fe",
        "::101:101", "::ffff:0:127.0.0.1", "::ffff:0:1.1.1.1", "5f00::1", "3fff::1", "3fff:fff::1",
        "::ffff:192.88.99.1", "64:ff9b::c058:6301",
    ],
)  # fmt: skip
def test_addresses_that_are_not_out_there(text):
    assert not is_public(ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "1.1.1.1",
        "52.95.110.1",
        "2606:4700:4700::1111",
        "64:ff9b::101:101",
        "192.88.98.1",
        "2a00::1",
    ],
)
def test_addresses_that_are(text):
    assert is_public(ip_address(text))
    assert not is_local(ip_address(text))


@given(st.ip_addresses(v=4))
def test_an_address_in_another_is_as_good_as_that(address: IPv4Address):
    mapped = IPv6Address(b"\0" * 10 + b"\xff\xff" + address.packed)
    translated = IPv6Address(b"\0\x64\xff\x9b" + b"\0" * 8 + address.packed)
    assert is_public(translated) is is_public(address)
    assert not is_public(mapped) or is_public(address)
