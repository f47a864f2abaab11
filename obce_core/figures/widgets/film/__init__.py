"""The film of one neuron's merging disks."""
