"""
How events are written for endpoints.  All pure: events in, header fields and a body out.
"""
