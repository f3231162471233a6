"""What stands on top: install() and urlretrieve, the command line and the demo, and what tests of
programs need: mocks, recordings, an adapter for requests.
"""
