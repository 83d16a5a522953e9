Programs ask confd with ganeti_tw.confd.client: blocking, on Twisted or on asyncio.
