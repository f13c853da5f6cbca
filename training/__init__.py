"""From tweets to a checkpoint: corpus, data feed, network, loop. Only this package imports TensorFlow."""
