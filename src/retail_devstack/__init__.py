"""The real servers on this machine, without Docker and without root.

    packages (java, jars, mongod)  ->  servers (ZooKeeper, Kafka, mongod)  ->  stack
                                                                                 |
    cli  ->  session (up, in the foreground or background)  ->  services (the three processes)

It writes only to one folder, the home (``RETAIL_HOME``), and to one cache folder for downloads
(``RETAIL_CACHE``).
"""
