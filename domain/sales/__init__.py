"""From the first touch to the close: leads, opportunities, products."""
