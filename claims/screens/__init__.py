"""Questions the back office asks: the queue, one claim on one screen, an incident's desk. They read and decide nothing."""
