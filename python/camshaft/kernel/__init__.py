"""The interface of 2008 (MultiEngineClient, TaskClient), on top of camshaft.Client.

    from camshaft.kernel import client
    mec = client.MultiEngineClient()
    tc = client.TaskClient()

It speaks the same protocol to the same controller and engines as the rest of Camshaft; both can be used at once.
"""
