"""Everything on this machine: the environment, the servers, the processes. Nothing here is needed in production."""
