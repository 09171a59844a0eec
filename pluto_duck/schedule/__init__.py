"""When verbs run by themselves: cron expressions with a time zone, claimed once, each firing a run in a process of its
own.
"""
