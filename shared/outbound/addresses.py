"""Which addresses a delivery may go to: the public internet, unless a destination says `private_network: allowed`.

A name that leads to our own machine, the private network or a cloud's metadata service would make our requests a tool against the
company that runs us. Every address of a name is checked, forms that hide an IPv4 address in an IPv6 one included; one bad address
refuses the name, because the other side chooses which is used.
"""

import ipaddress
import socket

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_BLOCKED = [
    ipaddress.ip_network(network)
    for network in (
        # IANA special-purpose registries, IPv4 and IPv6.
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        # Deprecated IPv4-compatible addresses, with :: and ::1 among them.
        "::/96",
        "64:ff9b:1::/48",
        "100::/64",
        # Protocol assignments with Teredo, documentation, 6to4.
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
]
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def refusal(address: str) -> str | None:
    """Why an address may not be dialled, or None when it is public."""
    try:
        parsed: Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return f"{address} is not an address"
    effective = _embedded(parsed)
    if any(effective in network for network in _BLOCKED if network.version == effective.version):
        return f"{address} is not a public address"
    return None


def literal_refusal(host: str) -> str | None:
    """The same for a host as written in a URL, when it is an address; None for a name.

    Any spelling counts that a resolver takes: `2130706433` and `0x7f.1` are 127.0.0.1.
    """
    if host.lower().rstrip(".") == "localhost" or host.lower().rstrip(".").endswith(".localhost"):
        return f"{host} is this machine"
    try:
        return refusal(str(ipaddress.ip_address(host.strip("[]"))))
    except ValueError:
        pass
    try:
        # The resolver takes the old spellings of IPv4, so they are judged as it reads them.
        return refusal(socket.inet_ntoa(socket.inet_aton(host)))
    except (OSError, UnicodeEncodeError):
        return None


def _embedded(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
