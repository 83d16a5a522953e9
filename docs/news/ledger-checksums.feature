A ledger that is damaged, incomplete or older than it was is refused when a host starts, with the way back in the message.
