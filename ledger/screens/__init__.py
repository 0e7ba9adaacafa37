"""Questions the books' pages ask: the tree of accounts, a statement, what the seals and the verifications say."""
