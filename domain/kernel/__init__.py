"""What every area uses: aggregates and their transitions, money, text, times, errors."""
