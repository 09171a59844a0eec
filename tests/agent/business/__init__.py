"""Two businesses made for the evaluation of planners: their data, their semantic files, questions about them."""
