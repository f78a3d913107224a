"""What does an accelerator bring: accuracy of long trainings, and seconds to a given accuracy?"""
