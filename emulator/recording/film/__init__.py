"""Films: recordings of one session, laid out as a composition asks for, in a process of their own."""
