"""How are archives read: how quickly, in how much memory, and what is lost when things break?"""
