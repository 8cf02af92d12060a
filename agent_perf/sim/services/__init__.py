"""
The world outside, behind the real client libraries.
"""
