"""GANs that generate punks: networks, training, generation and evaluation."""
