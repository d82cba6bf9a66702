"""Connect: how do others reach the persona?"""
