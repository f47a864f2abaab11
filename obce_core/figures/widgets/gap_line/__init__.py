"""One neuron's outputs on a line, for lesson 4."""
