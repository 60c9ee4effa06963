"""What people do with Trueup: look, decide, repair. The API and the CLI are both thin over this.

Every function takes the `Systems` it works on and the tenant whose data it may touch; there is no
way to name a row without its tenant. Reads need PostgreSQL only. Writes that a saga must hear of
need Temporal too, and say so when it is not there.
"""
