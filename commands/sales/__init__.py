"""Commands on leads, opportunities and products; the conversion of a lead."""
