"""Who receives an answer: attestation documents of Nitro enclaves and NitroTPM, and envelopes for them."""
