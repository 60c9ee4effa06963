"""The main job, shown and proven: eight stories through the front door, read back from the other
systems themselves. Nothing here uses Trueup's adapters or tables: a demo that trusted them would
prove nothing.
"""
