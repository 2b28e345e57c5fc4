"""The public keys of OpenID Connect issuers: from files, from URLs, from the issuers themselves.

What is fetched is fetched in threads of its own, within bounds of size and time, and kept for a
bounded time.  A server that fetches what others name must not be a way into the network that it
stands in: unless the operator has named a URL, nothing but HTTPS is spoken, with nothing but public
addresses, and no redirect is followed.
"""
