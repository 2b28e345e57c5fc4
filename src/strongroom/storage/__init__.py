"""Where keys are kept: SQL behind one engine, the root key's seal, and what is held in memory."""
