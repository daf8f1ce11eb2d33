"""Activations: the one way to read and to edit the layers of any `nn.Module`."""
