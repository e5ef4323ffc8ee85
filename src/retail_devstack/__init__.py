"""The real servers on this machine, without Docker and without root.

    packages (java, jars, mongod)  ->  servers (ZooKeeper, Kafka, mongod)  ->  stack
                                                                                 |
    cli/local.py  ->  session (up, in the fore- or background)  ->  pipeline (the three services)

Everything it writes lies in one folder, the home (``RETAIL_HOME``), and in one cache folder that
holds nothing but downloads (``RETAIL_CACHE``).
"""
